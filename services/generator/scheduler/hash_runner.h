#pragma once

// A model for tests and simulation: every KV slot holds a hash of its token and
// position, and the logits are a hash of all slots read back through the block
// table. Any stale, shared, leaked or misplaced block changes the output.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/check.h"
#include "services/generator/runner/model_runner.h"

namespace sluice::generator {

inline uint64_t MixBits(uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9;
  x ^= x >> 27;
  x *= 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// What a slot holds, and how slots are read one after the other.
inline uint64_t HashSlot(int32_t token, int64_t position) {
  return MixBits((static_cast<uint64_t>(token) << 32) + position + 1);
}
inline uint64_t HashChain(uint64_t chain, uint64_t slot) {
  return MixBits(chain * 31 + slot);
}

// Logits that follow a chain: uniform in [-4, 4).
inline void HashLogits(uint64_t chain, absl::Span<float> logits) {
  for (size_t i = 0; i < logits.size(); ++i) {
    const uint64_t bits = MixBits(chain + i * 0x9e3779b97f4a7c15);
    logits[i] = static_cast<float>(bits >> 40) * 0x1.0p-21f - 4.0f;
  }
}

// Threads: one at a time.
class HashRunner : public ModelRunner {
 public:
  HashRunner(int32_t vocabulary_size, int32_t context_length,
             int32_t block_count, int32_t block_size)
      : slots_(static_cast<size_t>(block_count) * block_size, 0) {
    info_.architecture = "HashForTests";
    info_.backend = "hash";
    info_.vocabulary_size = vocabulary_size;
    info_.context_length = context_length;
    info_.block_count = block_count;
    info_.block_size = block_size;
    info_.block_bytes = block_size * static_cast<int64_t>(sizeof(uint64_t));
    info_.fingerprint = "hash-1";
    info_.takes_drafts = true;
  }

  const RunnerInfo& info() const override { return info_; }

  absl::StatusOr<LogitsView> Run(const StepPlan& plan) override {
    for (const BlockCopy& copy : plan.copies) {
      for (int32_t i = 0; i < copy.positions; ++i) {
        slots_[Slot(copy.to_block, i)] = slots_[Slot(copy.from_block, i)];
      }
    }
    int32_t rows = 0;
    for (const SequenceRows& rows_of : plan.sequences) {
      WriteRows(rows_of);
      rows += rows_of.logit_rows();
    }
    const size_t columns = static_cast<size_t>(info_.vocabulary_size);
    logits_.resize(rows * columns);
    size_t row = 0;
    for (const SequenceRows& rows_of : plan.sequences) {
      for (int32_t back = rows_of.logit_rows(); back > 0; --back) {
        HashLogits(ReadChain(rows_of, back),
                   absl::MakeSpan(&logits_[row++ * columns], columns));
      }
    }
    return LogitsView{rows, info_.vocabulary_size, logits_};
  }

 private:
  size_t Slot(int32_t block, int32_t offset) const {
    SLUICE_CHECK(block >= 0 && block < info_.block_count, "block in range");
    return static_cast<size_t>(block) * info_.block_size + offset;
  }
  size_t SlotOf(const SequenceRows& rows, int32_t position) const {
    const size_t index = static_cast<size_t>(position / info_.block_size);
    SLUICE_CHECK(index < rows.block_table.size(), "the table covers the row");
    return Slot(rows.block_table[index], position % info_.block_size);
  }
  void WriteRows(const SequenceRows& rows) {
    for (size_t i = 0; i < rows.token_ids.size(); ++i) {
      const int32_t position = rows.first_position + static_cast<int32_t>(i);
      slots_[SlotOf(rows, position)] = HashSlot(rows.token_ids[i], position);
    }
  }
  // As the row sees it that is `back` from the end.
  uint64_t ReadChain(const SequenceRows& rows, int32_t back) const {
    const int32_t end = rows.first_position +
                        static_cast<int32_t>(rows.token_ids.size()) -
                        (back - 1);
    uint64_t chain = 0;
    for (int32_t position = 0; position < end; ++position) {
      chain = HashChain(chain, slots_[SlotOf(rows, position)]);
    }
    return chain;
  }

  RunnerInfo info_;
  std::vector<uint64_t> slots_;  // [block_count, block_size]
  std::vector<float> logits_;
};

}  // namespace sluice::generator
