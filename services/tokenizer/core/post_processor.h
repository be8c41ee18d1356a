#pragma once

// The file's `post_processor`: ids around those of a text.

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "common/modelfiles/json.h"
#include "common/vocabulary/token_table.h"

namespace sluice::tokenizer {

// What goes before and after a single text. Threads: immutable.
struct PostProcessor {
  std::vector<int32_t> before;
  std::vector<int32_t> after;

  // Errors: UNIMPLEMENTED naming the component, INVALID_ARGUMENT for ids that
  // the vocabulary does not have.
  static absl::StatusOr<PostProcessor> FromJson(
      const std::optional<JsonValue>& json, const TokenTable& table);
};

}  // namespace sluice::tokenizer
