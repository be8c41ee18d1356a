#pragma once

// A model turns one piece of text into tokens.

#include <cstdint>
#include <string_view>
#include <vector>

namespace sluice::tokenizer {

struct ModelToken {
  int32_t id = 0;
  uint32_t bytes = 0;  // of the piece that it stands for
};

// Threads: any.
class Model {
 public:
  virtual ~Model() = default;
  // Appends the tokens of a piece. REQUIRES: not empty.
  virtual void Encode(std::string_view piece,
                      std::vector<ModelToken>& out) const = 0;
};

}  // namespace sluice::tokenizer
