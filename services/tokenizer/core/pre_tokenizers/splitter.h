#pragma once

// Pre-tokenisation: text is cut into pieces, and no token crosses a cut.

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace sluice::tokenizer {

// Bytes [begin, end) of a text; never empty once it leaves a splitter.
struct Piece {
  uint32_t begin = 0;
  uint32_t end = 0;

  std::string_view In(std::string_view text) const {
    return text.substr(begin, end - begin);
  }
};

// One rule that cuts pieces further. Threads: any (immutable).
class Splitter {
 public:
  virtual ~Splitter() = default;
  // Appends the parts of `piece`, in order and without gaps unless the rule
  // removes text. REQUIRES: `text` is valid UTF-8 below 2 GiB.
  // Errors: RESOURCE_EXHAUSTED when a pattern needs too many steps.
  virtual absl::Status Split(std::string_view text, Piece piece,
                             std::vector<Piece>& out) const = 0;
};

}  // namespace sluice::tokenizer
