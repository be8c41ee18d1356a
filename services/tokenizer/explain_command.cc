#include "services/tokenizer/explain_command.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"

namespace sluice::tokenizer {
namespace {

constexpr std::string_view kReset = "\x1b[0m";
// Dark text on light grounds, neighbours apart.
constexpr std::string_view kColours[] = {
    "\x1b[30;48;5;153m", "\x1b[30;48;5;194m", "\x1b[30;48;5;223m",
    "\x1b[30;48;5;183m"};

// A character that spreads over several tokens belongs to the first of them.
std::string_view Visible(std::string_view text, const Encoding& encoding,
                         size_t index) {
  const auto is_inside = [&](size_t at) {
    return at < text.size() && (static_cast<uint8_t>(text[at]) & 0xC0) == 0x80;
  };
  size_t begin = static_cast<size_t>(encoding.offsets[index].begin);
  size_t end = static_cast<size_t>(encoding.offsets[index].end);
  while (is_inside(begin)) ++begin;
  while (is_inside(end)) ++end;
  return begin < end ? text.substr(begin, end - begin) : std::string_view();
}

std::string Escaped(std::string_view bytes) {
  return absl::Utf8SafeCHexEscape(
      absl::string_view(bytes.data(), bytes.size()));
}

}  // namespace

absl::StatusOr<std::string> ReadText(int fd, const ExplainOptions& options) {
  std::string text;
  char bytes[1 << 16];
  for (;;) {
    const ssize_t count = ::read(fd, bytes, sizeof(bytes));
    if (count == 0) return text;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      return absl::UnavailableError(
          absl::StrCat("text: cannot be read: ", std::strerror(errno)));
    }
    text.append(bytes, static_cast<size_t>(count));
    if (static_cast<int64_t>(text.size()) > options.max_text_bytes) {
      return FieldError("text", "too long",
                        absl::StrCat("over ", options.max_text_bytes, " bytes"),
                        absl::StrCat(options.max_text_bytes));
    }
  }
}

bool WantsColour(int fd) {
  const char* no_colour = std::getenv("NO_COLOR");
  if (no_colour != nullptr && *no_colour != '\0') return false;
  const char* terminal = std::getenv("TERM");
  if (terminal != nullptr && std::string_view(terminal) == "dumb") return false;
  return ::isatty(fd) == 1;
}

absl::StatusOr<std::string> Explain(const Tokenizer& tokenizer,
                                    std::string_view text, bool colour) {
  ASSIGN_OR_RETURN(Encoding encoding, tokenizer.EncodeWithOffsets(text, {}));
  std::string pieces;
  std::string lines;
  for (size_t i = 0; i < encoding.ids.size(); ++i) {
    const std::string_view shown = Visible(text, encoding, i);
    if (colour) {
      pieces.append(kColours[i % std::size(kColours)]);
      pieces.append(shown).append(kReset);
    } else {
      pieces.append(i == 0 ? "" : "|").append(shown);
    }
    const int32_t id = encoding.ids[i];
    const ByteOffset& offset = encoding.offsets[i];
    absl::StrAppendFormat(
        &lines, "%8d  %5d..%-5d  \"%s\"%s\n", id, offset.begin, offset.end,
        Escaped(tokenizer.vocabulary().bytes(id)),
        tokenizer.vocabulary().special(id) ? "  special" : "");
  }
  return absl::StrCat(pieces, "\n\n", lines, encoding.ids.size(), " tokens, ",
                      text.size(), " bytes\n");
}

}  // namespace sluice::tokenizer
