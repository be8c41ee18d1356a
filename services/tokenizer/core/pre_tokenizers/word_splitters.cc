#include "services/tokenizer/core/pre_tokenizers/word_splitters.h"

#include <unicode/uchar.h>
#include <unicode/uscript.h>

#include "common/vocabulary/utf8.h"
#include "services/tokenizer/core/unicode/char_classes.h"

namespace sluice::tokenizer {
namespace {

class WhitespaceSplitter final : public Splitter {
 public:
  absl::Status Split(std::string_view text, Piece piece,
                     std::vector<Piece>& out) const override {
    uint32_t begin = piece.begin;
    Kind before = Kind::kSpace;
    for (uint32_t at = piece.begin; at < piece.end;) {
      const Kind kind = KindOf(text.data() + at);
      if (kind != before) {
        if (before != Kind::kSpace) out.push_back({begin, at});
        begin = at;
        before = kind;
      }
      at += static_cast<uint32_t>(Utf8Length(text[at]));
    }
    if (before != Kind::kSpace) out.push_back({begin, piece.end});
    return absl::OkStatus();
  }

 private:
  enum class Kind { kSpace, kWord, kOther };

  Kind KindOf(const char* at) const {
    const char32_t character = DecodeUtf8(at);
    const uint8_t classes = classes_.At(at);
    if (classes & kSpace) return Kind::kSpace;
    return IsWordCharacter(character, classes) ? Kind::kWord : Kind::kOther;
  }

  CharClasses classes_;
};

class ScriptSplitter final : public Splitter {
 public:
  absl::Status Split(std::string_view text, Piece piece,
                     std::vector<Piece>& out) const override {
    constexpr int kNoneYet = -2;
    int before = kNoneYet;
    uint32_t begin = piece.end;
    for (uint32_t at = piece.begin; at < piece.end;) {
      const int script = ScriptOf(DecodeUtf8(text.data() + at));
      if (script != kAnyScript && script != before) {
        if (before != kNoneYet) out.push_back({begin, at});
        begin = at;
        before = script;
      }
      at += static_cast<uint32_t>(Utf8Length(text[at]));
    }
    if (begin < piece.end) out.push_back({begin, piece.end});
    return absl::OkStatus();
  }

 private:
  static constexpr int kAnyScript = -1;

  static int ScriptOf(char32_t character) {
    constexpr char32_t kLongVowelMark = 0x30FC;
    constexpr char32_t kArabicLetterMark = 0x61C;
    if (character == ' ') return kAnyScript;
    if (character == kLongVowelMark) return USCRIPT_HAN;
    if (character == kArabicLetterMark) return USCRIPT_COMMON;
    // The reference's table is that of Unicode 9.
    UVersionInfo age;
    u_charAge(static_cast<UChar32>(character), age);
    if (age[0] == 0 || age[0] > 9) return kAnyScript;
    UErrorCode error = U_ZERO_ERROR;
    const UScriptCode script =
        uscript_getScript(static_cast<UChar32>(character), &error);
    if (U_FAILURE(error) || script == USCRIPT_UNKNOWN) return kAnyScript;
    if (script == USCRIPT_HIRAGANA || script == USCRIPT_KATAKANA) {
      return USCRIPT_HAN;
    }
    return script;
  }
};

class FixedLengthSplitter final : public Splitter {
 public:
  explicit FixedLengthSplitter(int64_t length) : length_(length) {}
  absl::Status Split(std::string_view text, Piece piece,
                     std::vector<Piece>& out) const override {
    uint32_t begin = piece.begin;
    int64_t count = 0;
    for (uint32_t at = piece.begin; at < piece.end;) {
      at += static_cast<uint32_t>(Utf8Length(text[at]));
      if (++count < length_ && at < piece.end) continue;
      out.push_back({begin, at});
      begin = at;
      count = 0;
    }
    return absl::OkStatus();
  }

 private:
  int64_t length_;
};

}  // namespace

std::unique_ptr<Splitter> MakeWhitespaceSplitter() {
  return std::make_unique<WhitespaceSplitter>();
}

std::unique_ptr<Splitter> MakeScriptSplitter() {
  return std::make_unique<ScriptSplitter>();
}

std::unique_ptr<Splitter> MakeFixedLengthSplitter(int64_t length) {
  return std::make_unique<FixedLengthSplitter>(length);
}

}  // namespace sluice::tokenizer
