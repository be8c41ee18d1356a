#pragma once

// A model turns one piece of text into tokens.

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/modelfiles/json.h"
#include "common/vocabulary/token_table.h"

namespace sluice::tokenizer {

struct ModelToken {
  int32_t id = 0;
  // Bytes [begin, end) of the piece that it stands for.
  uint32_t begin = 0;
  uint32_t end = 0;
};

// Threads: any.
class Model {
 public:
  virtual ~Model() = default;
  // Appends the tokens of a piece. REQUIRES: not empty, below 2 GiB.
  // Errors: INVALID_ARGUMENT when the piece is unknown and the vocabulary
  // lacks the token for that.
  virtual absl::Status Encode(std::string_view piece,
                              std::vector<ModelToken>& out) const = 0;
};

}  // namespace sluice::tokenizer
