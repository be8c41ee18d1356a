#include "services/tokenizer/core/normalizers/bert_normalizer.h"

#include <optional>
#include <utility>
#include <vector>

#include "common/base/status_macros.h"
#include "common/vocabulary/utf8.h"
#include "services/tokenizer/core/normalizers/text_rules.h"
#include "services/tokenizer/core/normalizers/unicode_forms.h"
#include "services/tokenizer/core/unicode/char_classes.h"
#include "services/tokenizer/core/unicode/char_set.h"

namespace sluice::tokenizer {
namespace {

// Removes control characters; any white space becomes a space.
class Clean final : public Normalizer {
 public:
  absl::Status Normalize(NormalizedText& text) const override {
    const std::string_view before = text.text();
    TextEdit edit(before);
    while (edit.position() < before.size()) {
      const char* at = before.data() + edit.position();
      const size_t length = Utf8Length(*at);
      if (control_.Contains(DecodeUtf8(at))) {
        edit.Swap(length, "");
      } else if (*at != ' ' && (classes_.At(at) & kSpace)) {
        edit.Swap(length, " ");
      } else {
        edit.Keep(length);
      }
    }
    edit.Apply(text);
    return absl::OkStatus();
  }

 private:
  CharSet control_ = BertControlSet();
  CharClasses classes_;
};

// A space on both sides of every ideograph.
class SpreadIdeographs final : public Normalizer {
 public:
  absl::Status Normalize(NormalizedText& text) const override {
    const std::string_view before = text.text();
    TextEdit edit(before);
    while (edit.position() < before.size()) {
      const char* at = before.data() + edit.position();
      const bool spread = ideographs_.Contains(DecodeUtf8(at));
      if (spread) edit.Swap(0, " ");
      edit.Keep(Utf8Length(*at));
      if (spread) edit.Swap(0, " ");
    }
    edit.Apply(text);
    return absl::OkStatus();
  }

 private:
  CharSet ideographs_{{{0x3400, 0x4DBF},
                       {0x4E00, 0x9FFF},
                       {0xF900, 0xFAFF},
                       {0x20000, 0x2A6DF},
                       {0x2A700, 0x2B81F},
                       {0x2B920, 0x2CEAF},
                       {0x2F800, 0x2FA1F}}};
};

}  // namespace

absl::StatusOr<std::unique_ptr<Normalizer>> MakeBertNormalizer(
    const JsonValue& json) {
  ASSIGN_OR_RETURN(bool clean, json.GetBoolOr("clean_text", true));
  ASSIGN_OR_RETURN(bool spread, json.GetBoolOr("handle_chinese_chars", true));
  ASSIGN_OR_RETURN(bool lower, json.GetBoolOr("lowercase", true));
  ASSIGN_OR_RETURN(bool accents, json.GetBoolOr("strip_accents", lower));
  std::vector<std::unique_ptr<Normalizer>> steps;
  if (clean) steps.push_back(std::make_unique<Clean>());
  if (spread) steps.push_back(std::make_unique<SpreadIdeographs>());
  if (accents) {
    ASSIGN_OR_RETURN(std::unique_ptr<Normalizer> nfd,
                     MakeUnicodeForm(UnicodeForm::kNfd));
    steps.push_back(std::move(nfd));
    steps.push_back(MakeRemove(BertAccentSet()));
  }
  if (lower) steps.push_back(MakeLowercase());
  return MakeSequence(std::move(steps));
}

}  // namespace sluice::tokenizer
