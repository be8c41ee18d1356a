#include "services/tokenizer/core/normalizers/normalizer.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "services/tokenizer/core/normalizers/bert_normalizer.h"
#include "services/tokenizer/core/normalizers/precompiled.h"
#include "services/tokenizer/core/normalizers/sentencepiece_normalizer.h"
#include "services/tokenizer/core/normalizers/text_rules.h"
#include "services/tokenizer/core/normalizers/unicode_forms.h"

namespace sluice::tokenizer {
namespace {

using Made = absl::StatusOr<std::unique_ptr<Normalizer>>;

Made MakeSequenceFrom(const JsonValue& json) {
  ASSIGN_OR_RETURN(JsonValue parts, json.Get("normalizers"));
  std::vector<std::unique_ptr<Normalizer>> steps;
  RETURN_IF_ERROR(
      parts.ForEachElement([&](const JsonValue& part) -> absl::Status {
        ASSIGN_OR_RETURN(std::unique_ptr<Normalizer> step,
                         MakeNormalizer(part));
        if (step != nullptr) steps.push_back(std::move(step));
        return absl::OkStatus();
      }));
  if (steps.empty()) return nullptr;
  if (steps.size() == 1) return std::move(steps[0]);
  return MakeSequence(std::move(steps));
}

Made MakeReplaceFrom(const JsonValue& json) {
  ASSIGN_OR_RETURN(JsonValue pattern, json.Get("pattern"));
  ASSIGN_OR_RETURN(std::string_view content, json.GetString("content"));
  if (pattern.Find("String").has_value()) {
    ASSIGN_OR_RETURN(std::string_view literal, pattern.GetString("String"));
    if (!literal.empty()) {
      return MakeReplaceLiteral(std::string(literal), std::string(content));
    }
    ASSIGN_OR_RETURN(Pattern empty, Pattern::Literal(literal));
    return MakeReplace(std::move(empty), std::string(content));
  }
  ASSIGN_OR_RETURN(std::string_view regex, pattern.GetString("Regex"));
  ASSIGN_OR_RETURN(Pattern compiled, Pattern::Regex(regex));
  return MakeReplace(std::move(compiled), std::string(content));
}

Made MakeStripFrom(const JsonValue& json) {
  ASSIGN_OR_RETURN(bool left, json.GetBoolOr("strip_left", true));
  ASSIGN_OR_RETURN(bool right, json.GetBoolOr("strip_right", true));
  return MakeStrip(left, right);
}

}  // namespace

Made MakeNormalizer(const std::optional<JsonValue>& json) {
  if (!json.has_value()) return nullptr;
  ASSIGN_OR_RETURN(std::string_view type, json->GetString("type"));
  if (type == "NFC") return MakeUnicodeForm(UnicodeForm::kNfc);
  if (type == "NFD") return MakeUnicodeForm(UnicodeForm::kNfd);
  if (type == "NFKC") return MakeUnicodeForm(UnicodeForm::kNfkc);
  if (type == "NFKD") return MakeUnicodeForm(UnicodeForm::kNfkd);
  if (type == "Lowercase") return MakeLowercase();
  if (type == "StripAccents") return MakeStripAccents();
  if (type == "Nmt") return MakeNmt();
  if (type == "ByteLevel") return MakeByteAlphabet();
  if (type == "Sequence") return MakeSequenceFrom(*json);
  if (type == "Replace") return MakeReplaceFrom(*json);
  if (type == "Strip") return MakeStripFrom(*json);
  if (type == "BertNormalizer") return MakeBertNormalizer(*json);
  if (type == "SentencePiece") return MakeSentencePieceNormalizer(*json);
  if (type == "Prepend") {
    ASSIGN_OR_RETURN(std::string_view prefix, json->GetString("prepend"));
    return MakePrepend(std::string(prefix));
  }
  if (type == "Precompiled") {
    ASSIGN_OR_RETURN(std::string_view map,
                     json->GetStringOr("precompiled_charsmap", ""));
    if (map.empty()) return nullptr;
    return MakePrecompiled(map);
  }
  return absl::UnimplementedError(absl::StrCat(
      "tokenizer.json: normalizer: ",
      absl::string_view(type.data(), type.size()), " is not supported"));
}

absl::StatusOr<std::string> NormalizeCopy(const Normalizer& normalizer,
                                          std::string_view text) {
  NormalizedText changed(text);
  RETURN_IF_ERROR(normalizer.Normalize(changed));
  return std::string(changed.text());
}

}  // namespace sluice::tokenizer
