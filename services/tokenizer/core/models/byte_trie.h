#pragma once

// Words by their bytes, for finding every word that a text starts with.

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace sluice::tokenizer {

// Threads: any once it is filled.
class ByteTrie {
 public:
  static constexpr int32_t kNone = -1;

  // A word that is there already gets the new value. REQUIRES: value >= 0.
  void Insert(std::string_view word, int32_t value) {
    uint32_t node = 0;
    for (char byte : word) {
      const auto next = static_cast<uint32_t>(values_.size());
      const auto [at, is_new] = children_.try_emplace(Edge(node, byte), next);
      if (is_new) values_.push_back(kNone);
      node = at->second;
    }
    values_[node] = value;
  }

  // Calls `visit(length, value)` for every word at the start of `text`,
  // shortest first.
  template <typename Visit>
  void ForEachPrefix(std::string_view text, const Visit& visit) const {
    uint32_t node = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      const auto child = children_.find(Edge(node, text[i]));
      if (child == children_.end()) return;
      node = child->second;
      if (values_[node] != kNone) visit(i + 1, values_[node]);
    }
  }

 private:
  static uint64_t Edge(uint32_t node, char byte) {
    return static_cast<uint64_t>(node) << 8 | static_cast<uint8_t>(byte);
  }

  absl::flat_hash_map<uint64_t, uint32_t> children_;
  std::vector<int32_t> values_ = {kNone};  // of each node
};

}  // namespace sluice::tokenizer
