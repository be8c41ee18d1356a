#include "services/tokenizer/core/normalizer.h"

#include <unicode/bytestream.h>
#include <unicode/edits.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"

namespace sluice::tokenizer {
namespace {

std::vector<TextChange> ChangesOf(const icu::Edits& edits) {
  std::vector<TextChange> changes;
  UErrorCode error = U_ZERO_ERROR;
  icu::Edits::Iterator at = edits.getFineChangesIterator();
  while (at.next(error)) {
    const auto begin = static_cast<uint32_t>(at.destinationIndex());
    const auto original = static_cast<uint32_t>(at.sourceIndex());
    changes.push_back(
        {begin, begin + at.newLength(), original, original + at.oldLength()});
  }
  return changes;
}

class Nfc final : public Normalizer {
 public:
  explicit Nfc(const icu::Normalizer2* nfc) : nfc_(nfc) {}

  void Normalize(NormalizedText& text) const override {
    const std::string_view before = text.text();
    const icu::StringPiece source(before.data(),
                                  static_cast<int32_t>(before.size()));
    UErrorCode error = U_ZERO_ERROR;
    if (nfc_->isNormalizedUTF8(source, error)) return;
    std::string after;
    icu::StringByteSink<std::string> sink(&after);
    icu::Edits edits;
    nfc_->normalizeUTF8(0, source, sink, &edits, error);
    SLUICE_CHECK(U_SUCCESS(error), "NFC of valid UTF-8 cannot fail");
    text.Replace(std::move(after), ChangesOf(edits));
  }

 private:
  const icu::Normalizer2* nfc_;  // owned by ICU
};

absl::StatusOr<std::unique_ptr<Normalizer>> MakeNfc() {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* nfc = icu::Normalizer2::getNFCInstance(error);
  if (U_FAILURE(error)) {
    return absl::InternalError(
        absl::StrCat("ICU has no NFC: ", u_errorName(error)));
  }
  return std::make_unique<Nfc>(nfc);
}

}  // namespace

void NormalizedText::Replace(std::string text,
                             std::vector<TextChange> changes) {
  SLUICE_CHECK(!changed_.has_value(), "one normaliser a text");
  changed_ = std::move(text);
  changes_ = std::move(changes);
}

uint32_t NormalizedText::OriginalBegin(uint32_t begin) const {
  auto after = std::upper_bound(
      changes_.begin(), changes_.end(), begin,
      [](uint32_t at, const TextChange& change) { return at < change.begin; });
  if (after == changes_.begin()) return begin;
  const TextChange& change = *std::prev(after);
  if (begin < change.end) return change.original_begin;
  return change.original_end + (begin - change.end);
}

uint32_t NormalizedText::OriginalEnd(uint32_t end) const {
  auto after = std::lower_bound(
      changes_.begin(), changes_.end(), end,
      [](const TextChange& change, uint32_t at) { return change.begin < at; });
  if (after == changes_.begin()) return end;
  const TextChange& change = *std::prev(after);
  if (end <= change.end) return change.original_end;
  return change.original_end + (end - change.end);
}

uint32_t NormalizedText::FromOriginal(uint32_t at) const {
  auto after = std::lower_bound(changes_.begin(), changes_.end(), at,
                                [](const TextChange& change, uint32_t place) {
                                  return change.original_begin < place;
                                });
  if (after == changes_.begin()) return at;
  const TextChange& change = *std::prev(after);
  if (at <= change.original_end) return change.end;
  return change.end + (at - change.original_end);
}

absl::StatusOr<std::unique_ptr<Normalizer>> MakeNormalizer(
    const std::optional<JsonValue>& json) {
  if (!json.has_value()) return nullptr;
  ASSIGN_OR_RETURN(std::string_view type, json->GetString("type"));
  if (type == "NFC") return MakeNfc();
  if (type != "Sequence") {
    return absl::UnimplementedError(absl::StrCat(
        "tokenizer.json: normalizer: ",
        absl::string_view(type.data(), type.size()), " is not supported"));
  }
  ASSIGN_OR_RETURN(JsonValue parts, json->Get("normalizers"));
  std::unique_ptr<Normalizer> only;
  RETURN_IF_ERROR(
      parts.ForEachElement([&](const JsonValue& part) -> absl::Status {
        ASSIGN_OR_RETURN(std::unique_ptr<Normalizer> next,
                         MakeNormalizer(part));
        // Twice NFC is NFC, and there is no other kind.
        if (next != nullptr) only = std::move(next);
        return absl::OkStatus();
      }));
  return only;
}

}  // namespace sluice::tokenizer
