#pragma once

// Pair of ids -> merge, in one flat table: a lookup mostly ends in a bit that
// says no, else in one cache line.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace sluice::tokenizer {

struct Merge {
  static constexpr uint32_t kNoRank = std::numeric_limits<uint32_t>::max();

  uint32_t rank = kNoRank;  // kNoRank: the pair has no merge
  int32_t id = 0;           // of what the two become
};

// Limits: the table takes up to 52 bytes a merge. Threads: any once filled.
class MergeTable {
 public:
  // Room for `count` pairs.
  explicit MergeTable(size_t count)
      : bits_(std::bit_width((count + count / 2) | 15)),
        slots_(size_t{1} << bits_),
        filter_(slots_.size() >> 3) {}

  // A pair that is there already gets the new merge.
  // REQUIRES: ids from 0 on; no more pairs than there is room for.
  void Insert(int32_t left, int32_t right, Merge merge) {
    const uint64_t key = Key(left, right);
    const uint64_t hash = Hash(key);
    filter_[FilterWord(hash)] |= FilterBit(hash);
    size_t at = hash >> (64 - bits_);
    while (slots_[at].key != kEmpty && slots_[at].key != key) at = Next(at);
    slots_[at] = {key, merge};
  }

  Merge Find(int32_t left, int32_t right) const {
    const uint64_t key = Key(left, right);
    const uint64_t hash = Hash(key);
    if ((filter_[FilterWord(hash)] & FilterBit(hash)) == 0) return {};
    size_t at = hash >> (64 - bits_);
    while (slots_[at].key != key) {
      if (slots_[at].key == kEmpty) return {};
      at = Next(at);
    }
    return slots_[at].merge;
  }

 private:
  static constexpr uint64_t kEmpty = ~uint64_t{0};
  struct Slot {
    uint64_t key = kEmpty;
    Merge merge;
  };

  static uint64_t Key(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 |
           static_cast<uint32_t>(right);
  }
  // Multiplicative; the high bits are the good ones.
  static uint64_t Hash(uint64_t key) {
    key = (key ^ key >> 32) * 0x9E3779B97F4A7C15u;
    return (key ^ key >> 29) * 0xBF58476D1CE4E5B9u;
  }
  // Eight bits a slot.
  size_t FilterWord(uint64_t hash) const { return hash >> (64 - bits_ + 3); }
  static uint64_t FilterBit(uint64_t hash) {
    return uint64_t{1} << (hash & 63);
  }
  size_t Next(size_t at) const { return (at + 1) & (slots_.size() - 1); }

  int bits_;
  std::vector<Slot> slots_;
  std::vector<uint64_t> filter_;
};

}  // namespace sluice::tokenizer
