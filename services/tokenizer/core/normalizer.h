#pragma once

// Normalisation of a stretch of text, with the way back to the original bytes.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/modelfiles/json.h"

namespace sluice::tokenizer {

// A changed part: bytes [begin, end) of the new text stand for bytes
// [original_begin, original_end) of the original.
struct TextChange {
  uint32_t begin;
  uint32_t end;
  uint32_t original_begin;
  uint32_t original_end;
};

// A text that lies elsewhere and what became of it. Threads: one at a time.
class NormalizedText {
 public:
  explicit NormalizedText(std::string_view original) : original_(original) {}

  std::string_view text() const {
    return changed_.has_value() ? std::string_view(*changed_) : original_;
  }
  // Replaces the text. REQUIRES: `changes` ascend and lead from text() of
  // before to `text`; nothing was changed before.
  void Replace(std::string text, std::vector<TextChange> changes);

  // Where bytes [begin, end) of text() come from.
  uint32_t OriginalBegin(uint32_t begin) const;
  uint32_t OriginalEnd(uint32_t end) const;
  // Where a place in the original went; the end of a change for one inside.
  uint32_t FromOriginal(uint32_t at) const;

 private:
  std::string_view original_;
  std::optional<std::string> changed_;
  std::vector<TextChange> changes_;
};

// Threads: any (immutable).
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // REQUIRES: `text` is as its constructor left it; valid UTF-8.
  virtual void Normalize(NormalizedText& text) const = 0;
};

// The file's `normalizer`; nullptr when it is absent or changes nothing.
// Errors: UNIMPLEMENTED naming the component.
absl::StatusOr<std::unique_ptr<Normalizer>> MakeNormalizer(
    const std::optional<JsonValue>& json);

}  // namespace sluice::tokenizer
