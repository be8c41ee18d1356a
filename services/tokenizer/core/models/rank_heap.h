#pragma once

// A priority queue of whole numbers, the least first. Four children a node:
// half the levels of a binary heap, and the children lie together.
// Source: LaMarca and Ladner 1996, section 4.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace sluice::tokenizer {

// Threads: one at a time.
class RankHeap {
 public:
  // Of any values in any order.
  explicit RankHeap(std::vector<uint64_t> values) : values_(std::move(values)) {
    if (values_.size() < 2) return;
    for (size_t at = (values_.size() - 2) / kChildren + 1; at-- > 0;) {
      SiftDown(at, values_[at]);
    }
  }

  bool empty() const { return values_.empty(); }

  void Push(uint64_t value) {
    size_t at = values_.size();
    values_.push_back(value);
    while (at > 0) {
      const size_t parent = (at - 1) / kChildren;
      if (values_[parent] <= value) break;
      values_[at] = values_[parent];
      at = parent;
    }
    values_[at] = value;
  }

  // REQUIRES: not empty.
  uint64_t Pop() {
    const uint64_t top = values_.front();
    const uint64_t last = values_.back();
    values_.pop_back();
    if (!values_.empty()) SiftDown(0, last);
    return top;
  }

 private:
  static constexpr size_t kChildren = 4;

  // Puts `value` into the hole at `at` or below it.
  void SiftDown(size_t at, uint64_t value) {
    uint64_t* const values = values_.data();
    const size_t size = values_.size();
    for (;;) {
      const size_t first = at * kChildren + 1;
      size_t least = first;
      if (first + kChildren <= size) [[likely]] {
        // Without branches, which nothing could predict.
        const size_t a = first + (values[first + 1] < values[first]);
        const size_t b = first + 2 + (values[first + 3] < values[first + 2]);
        least = values[b] < values[a] ? b : a;
      } else if (first < size) {
        least = std::min_element(values + first, values + size) - values;
      } else {
        break;
      }
      if (values[least] >= value) break;
      values[at] = values[least];
      at = least;
    }
    values[at] = value;
  }

  std::vector<uint64_t> values_;
};

}  // namespace sluice::tokenizer
