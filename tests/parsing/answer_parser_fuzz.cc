// libFuzzer target: whatever a model writes, and however it is cut, parsers
// neither break nor differ, and without tools nor reasoning nothing changes.
// The first bytes choose the format, the limits and where to cut.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/check.h"
#include "common/base/utf8.h"
#include "services/gateway/parsing/answer_parser.h"

namespace sluice::gateway {
namespace {

// A result as one text; kinds are set apart by bytes that UTF-8 lacks.
struct Writer {
  std::string all;
  size_t kind = 2;

  void Add(const std::vector<AnswerPiece>& pieces) {
    for (const AnswerPiece& piece : pieces) Add(piece);
  }
  void Add(const AnswerPiece& piece) {
    if (const auto* call = std::get_if<ToolCallPiece>(&piece)) {
      SLUICE_CHECK(IsValidUtf8(call->name), "a name is whole UTF-8");
      SLUICE_CHECK(IsValidUtf8(call->arguments), "arguments are whole UTF-8");
      all += "\xFF" + call->id + "\xFE" + call->name + "\xFE" + call->arguments;
      kind = 2;
      return;
    }
    const auto* text = std::get_if<TextPiece>(&piece);
    const std::string& more =
        text != nullptr ? text->text : std::get<ReasoningPiece>(piece).text;
    SLUICE_CHECK(IsValidUtf8(more), "a piece is whole UTF-8");
    if (kind != piece.index()) all += text != nullptr ? "\xFD" : "\xFC";
    kind = piece.index();
    all += more;
  }
};

std::string Parse(const AnswerParserOptions& options, std::string_view text,
                  size_t step) {
  AnswerParser parser(options);
  Writer writer;
  for (size_t at = 0; at < text.size(); at += step) {
    writer.Add(parser.Push(text.substr(at, step)));
  }
  writer.Add(parser.Finish());
  return writer.all;
}

void Check(const uint8_t* bytes, size_t size) {
  constexpr AnswerFormat kFormats[] = {
      AnswerFormat::kPlain, AnswerFormat::kHermes, AnswerFormat::kQwen3,
      AnswerFormat::kYoutu, AnswerFormat::kLlama3, AnswerFormat::kDeepSeekR1};
  if (size < 3) return;
  const std::string_view text(reinterpret_cast<const char*>(bytes + 3),
                              size - 3);
  if (!IsValidUtf8(text)) return;
  AnswerParserOptions options = {.format = kFormats[bytes[0] % 6],
                                 .tools = (bytes[1] & 1) == 0,
                                 .reasoning = (bytes[1] & 2) == 0,
                                 .reasoning_open = (bytes[1] & 4) != 0};
  if (bytes[1] & 8) options.limits.max_call_bytes = bytes[2];
  if (bytes[1] & 16) options.limits.max_space_bytes = bytes[2] % 8;
  if (bytes[1] & 32) options.limits.max_calls = bytes[2] % 4;
  if (bytes[1] & 64) options.limits.max_depth = 1 + bytes[2] % 4;
  const std::string whole = Parse(options, text, text.size() + 1);
  SLUICE_CHECK(whole == Parse(options, text, 1), "byte by byte as whole");
  SLUICE_CHECK(whole == Parse(options, text, 1 + bytes[2]), "pieces as whole");
  if (!options.tools && !options.reasoning && !text.empty()) {
    SLUICE_CHECK(whole == "\xFD" + std::string(text), "all is text");
  }
}

}  // namespace
}  // namespace sluice::gateway

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sluice::gateway::Check(data, size);
  return 0;
}
