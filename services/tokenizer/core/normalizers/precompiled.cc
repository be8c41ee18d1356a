#include "services/tokenizer/core/normalizers/precompiled.h"

#include <unicode/brkiter.h>
#include <unicode/utext.h>

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/vocabulary/utf8.h"
#include "services/tokenizer/core/normalizers/chars_map.h"

namespace sluice::tokenizer {
namespace {

constexpr size_t kMaxClusterBytes = 5;

class Precompiled final : public Normalizer {
 public:
  Precompiled(CharsMap map, std::unique_ptr<icu::BreakIterator> clusters)
      : map_(std::move(map)), clusters_(std::move(clusters)) {}

  absl::Status Normalize(NormalizedText& text) const override {
    const std::string_view before = text.text();
    UErrorCode error = U_ZERO_ERROR;
    UText source = UTEXT_INITIALIZER;
    utext_openUTF8(&source, before.data(), static_cast<int64_t>(before.size()),
                   &error);
    // An iterator of this thread's own.
    const std::unique_ptr<icu::BreakIterator> clusters(clusters_->clone());
    SLUICE_CHECK(clusters != nullptr, "out of memory");
    clusters->setText(&source, error);
    SLUICE_CHECK(U_SUCCESS(error), "valid UTF-8 can be segmented");
    TextEdit edit(before);
    clusters->first();
    for (int32_t end = clusters->next(); end != icu::BreakIterator::DONE;
         end = clusters->next()) {
      AddCluster(before.substr(edit.position(),
                               static_cast<size_t>(end) - edit.position()),
                 edit);
    }
    utext_close(&source);
    edit.Apply(text);
    return absl::OkStatus();
  }

 private:
  void AddCluster(std::string_view cluster, TextEdit& edit) const {
    if (cluster.size() <= kMaxClusterBytes && Rewrite(cluster, edit)) return;
    while (!cluster.empty()) {
      const std::string_view character =
          cluster.substr(0, Utf8Length(cluster[0]));
      if (!Rewrite(character, edit)) edit.Keep(character.size());
      cluster.remove_prefix(character.size());
    }
  }

  // The value of the shortest key stands for all of `part`, as in the
  // reference.
  bool Rewrite(std::string_view part, TextEdit& edit) const {
    const std::optional<CharsMap::Hit> hit = map_.Shortest(part);
    if (!hit.has_value()) return false;
    edit.Swap(part.size(), hit->value);
    return true;
  }

  CharsMap map_;
  std::unique_ptr<icu::BreakIterator> clusters_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Normalizer>> MakePrecompiled(
    std::string_view base64) {
  std::string blob;
  if (!absl::Base64Unescape(absl::string_view(base64.data(), base64.size()),
                            &blob)) {
    return absl::InvalidArgumentError(
        "precompiled_charsmap: damaged, not base64");
  }
  ASSIGN_OR_RETURN(CharsMap map, CharsMap::Parse(blob));
  UErrorCode error = U_ZERO_ERROR;
  std::unique_ptr<icu::BreakIterator> clusters(
      icu::BreakIterator::createCharacterInstance(icu::Locale::getRoot(),
                                                  error));
  if (U_FAILURE(error)) {
    return absl::InternalError(
        absl::StrCat("ICU has no grapheme clusters: ", u_errorName(error)));
  }
  return std::make_unique<Precompiled>(std::move(map), std::move(clusters));
}

}  // namespace sluice::tokenizer
