#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include "services/tokenizer/chat/jinja/text_ops.h"
#include "services/tokenizer/chat/jinja/utf8.h"

namespace sluice::tokenizer::jinja {
namespace {

icu::UnicodeString FromUtf8(std::string_view bytes) {
  return icu::UnicodeString::fromUTF8(
      icu::StringPiece(bytes.data(), static_cast<int32_t>(bytes.size())));
}

std::string Whole(std::string_view bytes, Casing casing) {
  icu::UnicodeString text = FromUtf8(bytes);
  if (casing == Casing::kUpper) text.toUpper(icu::Locale::getRoot());
  if (casing == Casing::kLower) text.toLower(icu::Locale::getRoot());
  if (casing == Casing::kFold) text.foldCase();
  std::string out;
  text.toUTF8String(out);
  return out;
}

bool IsCased(char32_t c) {
  return u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_CASED);
}

std::string Swapped(std::string_view bytes) {
  std::string out;
  for (size_t i = 0; i < bytes.size();) {
    const size_t count = CodePointBytes(bytes, i);
    const std::string_view character = bytes.substr(i, count);
    const auto c = static_cast<UChar32>(DecodeAt(bytes, i));
    if (u_hasBinaryProperty(c, UCHAR_UPPERCASE)) {
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

// Begins words after characters for which `ends_word` says so.
template <typename EndsWord>
Text Titled(const Text& text, EndsWord ends_word) {
  Text out;
  bool begins = true;
  for (const TextRun& run : text.Runs()) {
    std::string changed;
    for (size_t i = 0; i < run.bytes.size();) {
      const size_t count = CodePointBytes(run.bytes, i);
      const std::string_view character = run.bytes.substr(i, count);
      if (begins) {
        AppendTitle(character, changed);
      } else {
        changed += Whole(character, Casing::kLower);
      }
      begins = ends_word(DecodeAt(run.bytes, i));
      i += count;
    }
    out.Append(changed, run.foreign);
  }
  return out;
}

}  // namespace

Text ChangeCase(const Text& text, Casing casing) {
  if (casing == Casing::kTitle) {
    return Titled(text, [](char32_t c) { return !IsCased(c); });
  }
  if (casing == Casing::kCapitalize) {
    return Titled(text, [](char32_t) { return false; });
  }
  Text out;
  for (const TextRun& run : text.Runs()) {
    out.Append(
        casing == Casing::kSwap ? Swapped(run.bytes) : Whole(run.bytes, casing),
        run.foreign);
  }
  return out;
}

Text TitleWords(const Text& text) {
  return Titled(text, [](char32_t c) {
    return IsPythonSpace(c) || c == '-' || c == '(' || c == '{' || c == '[' ||
           c == '<';
  });
}

}  // namespace sluice::tokenizer::jinja
