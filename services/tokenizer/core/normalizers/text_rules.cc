#include "services/tokenizer/core/normalizers/text_rules.h"

#include <utility>
#include <vector>

#include "common/base/status_macros.h"
#include "common/vocabulary/byte_alphabet.h"
#include "common/vocabulary/utf8.h"
#include "services/tokenizer/core/unicode/char_classes.h"
#include "services/tokenizer/core/unicode/char_set.h"

namespace sluice::tokenizer {
namespace {

class Prepend final : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  absl::Status Normalize(NormalizedText& text) const override {
    if (text.text().empty() || prefix_.empty()) return absl::OkStatus();
    TextEdit edit(text.text());
    edit.Swap(0, prefix_);
    edit.Apply(text);
    return absl::OkStatus();
  }

 private:
  std::string prefix_;
};

class Replace final : public Normalizer {
 public:
  Replace(Pattern pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  absl::Status Normalize(NormalizedText& text) const override {
    TextEdit edit(text.text());
    const absl::Status status =
        pattern_.ForEachMatch(text.text(), [&](size_t begin, size_t end) {
          edit.Keep(begin - edit.position());
          edit.Swap(end - begin, content_);
        });
    if (status.ok()) edit.Apply(text);
    return status;
  }

 private:
  Pattern pattern_;
  std::string content_;
};

class ReplaceLiteral final : public Normalizer {
 public:
  ReplaceLiteral(std::string literal, std::string content)
      : literal_(std::move(literal)), content_(std::move(content)) {}
  absl::Status Normalize(NormalizedText& text) const override {
    const std::string_view before = text.text();
    TextEdit edit(before);
    for (size_t at = before.find(literal_); at != std::string_view::npos;
         at = before.find(literal_, edit.position())) {
      edit.Keep(at - edit.position());
      edit.Swap(literal_.size(), content_);
    }
    edit.Apply(text);
    return absl::OkStatus();
  }

 private:
  std::string literal_;
  std::string content_;
};

class Strip final : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  absl::Status Normalize(NormalizedText& text) const override {
    const std::string_view before = text.text();
    size_t begin = 0;
    while (left_ && begin < before.size() && IsSpace(before, begin)) {
      begin += Utf8Length(before[begin]);
    }
    size_t end = before.size();
    while (right_ && end > begin) {
      size_t last = end - 1;
      while ((static_cast<uint8_t>(before[last]) & 0xC0) == 0x80) --last;
      if (!IsSpace(before, last)) break;
      end = last;
    }
    TextEdit edit(before);
    if (begin > 0) edit.Swap(begin, "");
    edit.Keep(end - begin);
    if (end < before.size()) edit.Swap(before.size() - end, "");
    edit.Apply(text);
    return absl::OkStatus();
  }

 private:
  bool IsSpace(std::string_view text, size_t at) const {
    return (classes_.At(text.data() + at) & kSpace) != 0;
  }

  bool left_;
  bool right_;
  CharClasses classes_;
};

class Sequence final : public Normalizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<Normalizer>> steps)
      : steps_(std::move(steps)) {}
  absl::Status Normalize(NormalizedText& text) const override {
    for (const auto& step : steps_) RETURN_IF_ERROR(step->Normalize(text));
    return absl::OkStatus();
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> steps_;
};

class Remove final : public Normalizer {
 public:
  explicit Remove(CharSet removed) : removed_(std::move(removed)) {}
  absl::Status Normalize(NormalizedText& text) const override {
    const std::string_view before = text.text();
    TextEdit edit(before);
    while (edit.position() < before.size()) {
      const char* at = before.data() + edit.position();
      if (removed_.Contains(DecodeUtf8(at))) {
        edit.Swap(Utf8Length(*at), "");
      } else {
        edit.Keep(Utf8Length(*at));
      }
    }
    edit.Apply(text);
    return absl::OkStatus();
  }

 private:
  CharSet removed_;
};

class Nmt final : public Normalizer {
 public:
  absl::Status Normalize(NormalizedText& text) const override {
    const std::string_view before = text.text();
    TextEdit edit(before);
    while (edit.position() < before.size()) {
      const char* at = before.data() + edit.position();
      const char32_t character = DecodeUtf8(at);
      if (removed_.Contains(character)) {
        edit.Swap(Utf8Length(*at), "");
      } else if (character != ' ' && spaces_.Contains(character)) {
        edit.Swap(Utf8Length(*at), " ");
      } else {
        edit.Keep(Utf8Length(*at));
      }
    }
    edit.Apply(text);
    return absl::OkStatus();
  }

 private:
  CharSet removed_{{{0x1, 0x8},
                    {0xB, 0xB},
                    {0xE, 0x1F},
                    {0x7F, 0x7F},
                    {0x8F, 0x8F},
                    {0x9F, 0x9F}}};
  CharSet spaces_{{{0x9, 0xA},
                   {0xC, 0xD},
                   {' ', ' '},
                   {0x1680, 0x1680},
                   {0x200B, 0x200F},
                   {0x2028, 0x2029},
                   {0x2581, 0x2581},
                   {0xFEFF, 0xFEFF},
                   {0xFFFD, 0xFFFD}}};
};

class Bytes final : public Normalizer {
 public:
  absl::Status Normalize(NormalizedText& text) const override {
    const std::string_view before = text.text();
    TextEdit edit(before);
    while (edit.position() < before.size()) {
      const std::string_view character =
          before.substr(edit.position(), Utf8Length(before[edit.position()]));
      const std::string spelling = alphabet_.SpellingOf(character);
      if (spelling == character) {
        edit.Keep(character.size());
      } else {
        edit.Swap(character.size(), spelling);
      }
    }
    edit.Apply(text);
    return absl::OkStatus();
  }

 private:
  ByteAlphabet alphabet_;
};

}  // namespace

std::unique_ptr<Normalizer> MakePrepend(std::string prefix) {
  return std::make_unique<Prepend>(std::move(prefix));
}

std::unique_ptr<Normalizer> MakeReplace(Pattern pattern, std::string content) {
  return std::make_unique<Replace>(std::move(pattern), std::move(content));
}

std::unique_ptr<Normalizer> MakeReplaceLiteral(std::string literal,
                                               std::string content) {
  return std::make_unique<ReplaceLiteral>(std::move(literal),
                                          std::move(content));
}

std::unique_ptr<Normalizer> MakeStrip(bool left, bool right) {
  return std::make_unique<Strip>(left, right);
}

std::unique_ptr<Normalizer> MakeSequence(
    std::vector<std::unique_ptr<Normalizer>> steps) {
  return std::make_unique<Sequence>(std::move(steps));
}

std::unique_ptr<Normalizer> MakeRemove(CharSet removed) {
  return std::make_unique<Remove>(std::move(removed));
}

std::unique_ptr<Normalizer> MakeStripAccents() {
  return MakeRemove(AccentSet());
}

std::unique_ptr<Normalizer> MakeNmt() { return std::make_unique<Nmt>(); }

std::unique_ptr<Normalizer> MakeByteAlphabet() {
  return std::make_unique<Bytes>();
}

}  // namespace sluice::tokenizer
