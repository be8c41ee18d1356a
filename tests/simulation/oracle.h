#pragma once

// What each stream must say: one sequence at a time, no batch, no blocks, no
// chunks, no engine.

#include <cstdint>
#include <vector>

#include "common/vocabulary/vocabulary.h"
#include "services/generator/constraint/sequence_end.h"
#include "services/generator/sampler/sampler.h"
#include "services/generator/scheduler/request.h"

namespace sluice::generator {

struct ExpectedSequence {
  std::vector<int32_t> shown;  // ids of all Deltas
  SequenceEnd end;
  int32_t generated = 0;
};

// Threads: one at a time.
class Oracle {
 public:
  // The vocabulary must outlive the oracle.
  Oracle(const Vocabulary& vocabulary, int32_t vocabulary_size)
      : vocabulary_(vocabulary), logits_(vocabulary_size) {}

  // By sequence index; whatever was resumed is ignored.
  std::vector<ExpectedSequence> Expect(const Request& request);

 private:
  ExpectedSequence ExpectOne(const Request& request, int32_t index,
                             uint64_t chain);

  const Vocabulary& vocabulary_;
  Sampler sampler_;
  std::vector<float> logits_;
};

}  // namespace sluice::generator
