#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/paid_text.h"
#include "services/tokenizer/chat/jinja/text_ops.h"
#include "services/tokenizer/chat/jinja/utf8.h"

namespace sluice::tokenizer::jinja {
namespace {

icu::UnicodeString FromUtf8(std::string_view bytes) {
  return icu::UnicodeString::fromUTF8(
      icu::StringPiece(bytes.data(), static_cast<int32_t>(bytes.size())));
}

// What ASCII letters become; other bytes stay.
std::string WholeAscii(std::string_view bytes, Casing casing) {
  std::string out(bytes);
  const char first = casing == Casing::kUpper ? 'a' : 'A';
  for (char& c : out) {
    if (c >= first && c <= first + ('z' - 'a')) c = static_cast<char>(c ^ 0x20);
  }
  return out;
}

std::string Whole(std::string_view bytes, Casing casing) {
  if (IsAscii(bytes)) return WholeAscii(bytes, casing);
  icu::UnicodeString text = FromUtf8(bytes);
  if (casing == Casing::kUpper) text.toUpper(icu::Locale::getRoot());
  if (casing == Casing::kLower) text.toLower(icu::Locale::getRoot());
  if (casing == Casing::kFold) text.foldCase();
  std::string out;
  text.toUTF8String(out);
  return out;
}

bool IsAsciiLetter(char32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool IsCased(char32_t c) {
  if (c < 0x80) return IsAsciiLetter(c);
  return u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_CASED);
}

std::string Swapped(std::string_view bytes) {
  std::string out;
  for (size_t i = 0; i < bytes.size();) {
    const size_t count = CodePointBytes(bytes, i);
    const std::string_view character = bytes.substr(i, count);
    const auto c = static_cast<UChar32>(DecodeAt(bytes, i));
    if (count == 1) {
      const bool letter = IsAsciiLetter(static_cast<char32_t>(c));
      out += static_cast<char>(letter ? c ^ 0x20 : c);
    } else if (u_hasBinaryProperty(c, UCHAR_UPPERCASE)) {
      out += Whole(character, Casing::kLower);
    } else if (u_hasBinaryProperty(c, UCHAR_LOWERCASE)) {
      out += Whole(character, Casing::kUpper);
    } else {
      out += character;
    }
    i += count;
  }
  return out;
}

void AppendTitle(std::string_view character, std::string& out) {
  AppendUtf8(static_cast<char32_t>(
                 u_totitle(static_cast<UChar32>(DecodeAt(character, 0)))),
             out);
}

// Letters outside of ASCII go through ICU; one by one is slower.
absl::Status PayForCase(const Text& text, bool one_by_one, Budget& budget) {
  const size_t bytes = text.extent() * (one_by_one ? 3 : 1);
  return IsAscii(text.bytes()) ? budget.SpendScan(bytes)
                               : budget.SpendScanClosely(bytes);
}

// Begins words after characters for which `ends_word` says so.
template <typename EndsWord>
absl::StatusOr<Text> Titled(const Text& text, EndsWord ends_word,
                            Budget& budget) {
  RETURN_IF_ERROR(PayForCase(text, /*one_by_one=*/true, budget));
  PaidText out(budget);
  bool begins = true;
  for (const TextRun& run : text.Runs()) {
    std::string changed;
    for (size_t i = 0; i < run.bytes.size();) {
      const size_t count = CodePointBytes(run.bytes, i);
      const std::string_view character = run.bytes.substr(i, count);
      if (begins) {
        AppendTitle(character, changed);
      } else if (count == 1) {
        changed += static_cast<char>(u_tolower(character[0]));
      } else {
        changed += Whole(character, Casing::kLower);
      }
      begins = ends_word(DecodeAt(run.bytes, i));
      i += count;
    }
    RETURN_IF_ERROR(out.Append(changed, run.foreign));
  }
  return out.Take();
}

}  // namespace

absl::StatusOr<Text> ChangeCase(const Text& text, Casing casing,
                                Budget& budget) {
  if (casing == Casing::kTitle) {
    return Titled(
        text, [](char32_t c) { return !IsCased(c); }, budget);
  }
  if (casing == Casing::kCapitalize) {
    return Titled(
        text, [](char32_t) { return false; }, budget);
  }
  const bool swap = casing == Casing::kSwap;
  RETURN_IF_ERROR(PayForCase(text, /*one_by_one=*/swap, budget));
  PaidText out(budget);
  for (const TextRun& run : text.Runs()) {
    RETURN_IF_ERROR(out.Append(
        swap ? Swapped(run.bytes) : Whole(run.bytes, casing), run.foreign));
  }
  return out.Take();
}

absl::StatusOr<Text> TitleWords(const Text& text, Budget& budget) {
  auto ends_word = [](char32_t c) {
    return IsPythonSpace(c) || c == '-' || c == '(' || c == '{' || c == '[' ||
           c == '<';
  };
  return Titled(text, ends_word, budget);
}

}  // namespace sluice::tokenizer::jinja
