#pragma once

// The distinct ids of one sequence, prompt and output.

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace sluice::generator {

// Ids outside [0, vocabulary_size) are ignored. Threads: engine thread only.
class SeenTokens {
 public:
  explicit SeenTokens(int32_t vocabulary_size) : seen_(vocabulary_size) {}

  void Add(int32_t id) {
    if (id < 0 || static_cast<size_t>(id) >= seen_.size() || seen_[id]) return;
    seen_[id] = true;
    ids_.push_back(id);
  }
  void AddAll(absl::Span<const int32_t> ids) {
    for (int32_t id : ids) Add(id);
  }
  bool contains(int32_t id) const {
    return id >= 0 && static_cast<size_t>(id) < seen_.size() && seen_[id];
  }
  // Each once, in order of first appearance.
  absl::Span<const int32_t> ids() const { return ids_; }

 private:
  std::vector<bool> seen_;
  std::vector<int32_t> ids_;
};

}  // namespace sluice::generator
