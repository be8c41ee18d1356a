#pragma once

// The file's `normalizer`.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/modelfiles/json.h"
#include "services/tokenizer/core/normalizers/normalized_text.h"

namespace sluice::tokenizer {

// Threads: any (immutable).
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // Changes text.text(). REQUIRES: valid UTF-8.
  // Errors: RESOURCE_EXHAUSTED when a pattern needs too many steps.
  virtual absl::Status Normalize(NormalizedText& text) const = 0;
};

// nullptr when there is none. Errors: UNIMPLEMENTED naming the component,
// INVALID_ARGUMENT for a pattern or a table that is damaged.
absl::StatusOr<std::unique_ptr<Normalizer>> MakeNormalizer(
    const std::optional<JsonValue>& json);

// A whole text at once. Errors: as Normalize.
absl::StatusOr<std::string> NormalizeCopy(const Normalizer& normalizer,
                                          std::string_view text);

}  // namespace sluice::tokenizer
