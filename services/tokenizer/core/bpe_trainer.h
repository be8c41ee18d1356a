#pragma once

// Learns a byte-level BPE vocabulary from words and how often they occur.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"

namespace sluice::tokenizer {

// Words of a text and how often each occurs. A wide character (Chinese,
// Japanese, Korean, full-width) always stands alone: no token then spans two
// of them, and a Chinese word has the same ids wherever it stands.
// Threads: one at a time.
class WordCounts {
 public:
  // One piece of the pre-tokenizer, UTF-8.
  void Add(std::string_view piece);
  // By bytes, so that the order depends on the text only.
  std::vector<std::pair<std::string, int64_t>> Sorted() const;

 private:
  absl::flat_hash_map<std::string, int64_t> counts_;
};

struct TrainedBpe {
  // Bytes of each id: the 256 bytes in order, then one token for each merge.
  std::vector<std::string> tokens;
  // The ids joined by each merge, in order of rank.
  std::vector<std::pair<int32_t, int32_t>> merges;
};

// Merges the most frequent pair (of equals the one of smallest ids) until
// there are `vocabulary_size` tokens or no pair occurs twice.
// Errors: INVALID_ARGUMENT unless 256 <= vocabulary_size <= 2^20.
absl::StatusOr<TrainedBpe> TrainBpe(
    const std::vector<std::pair<std::string, int64_t>>& words,
    int32_t vocabulary_size);

}  // namespace sluice::tokenizer
