#pragma once

// The file's `post_processor`: special ids around one text or two.

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "common/modelfiles/json.h"
#include "common/vocabulary/token_table.h"

namespace sluice::tokenizer {

// Threads: any (immutable).
class PostProcessor {
 public:
  // A part of what comes out: special ids or one of the texts.
  struct Part {
    enum class Kind { kIds, kFirstText, kSecondText };
    Kind kind;
    std::vector<int32_t> ids;  // of kIds
  };

  // Errors: UNIMPLEMENTED naming the component, INVALID_ARGUMENT for ids that
  // the vocabulary does not have.
  static absl::StatusOr<PostProcessor> FromJson(
      const std::optional<JsonValue>& json, const TokenTable& table);

  // In their order; the text comes once, or each of two.
  const std::vector<Part>& single() const { return single_; }
  const std::vector<Part>& pair() const { return pair_; }

 private:
  class Reader;

  PostProcessor();

  std::vector<Part> single_;
  std::vector<Part> pair_;
};

}  // namespace sluice::tokenizer
