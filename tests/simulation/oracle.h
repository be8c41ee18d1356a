#pragma once

// What each stream must say: one sequence at a time, no batch, no blocks, no
// chunks, no engine, and rules of its own for draws and stops.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/vocabulary/vocabulary.h"
#include "services/generator/constraint/sequence_end.h"
#include "services/generator/sampler/sampler.h"
#include "services/generator/scheduler/request.h"
#include "tests/simulation/draw.h"
#include "tests/simulation/tenant_hash_runner.h"

namespace sluice::generator {

struct ExpectedSequence {
  std::vector<int32_t> shown;  // ids of all Deltas
  SequenceEnd end;             // trim_bytes as if nothing had been resumed
  int32_t generated = 0;
  int32_t replayed = 0;  // of these, ids that were resumed
  // How many of `shown` may be out once so many ids were generated, before the
  // end: the others could still become part of a stop string.
  std::vector<int32_t> shown_after;
  // Bytes of text up to each of `shown`, that one included.
  std::vector<int64_t> text_end;

  // What is cut when so many ids had been given out by earlier attempts.
  int32_t TrimAfter(int32_t resumed) const;
  // True when these ids leave a stop string begun.
  bool BeginsStopAfter(int32_t resumed) const;
  // True when the stop string at the end begins in these ids and ends behind.
  bool StopSpans(int32_t resumed) const;
};

// Threads: one at a time.
class Oracle {
 public:
  // The vocabulary must outlive the oracle.
  Oracle(const Vocabulary& vocabulary, int32_t vocabulary_size)
      : vocabulary_(vocabulary), logits_(vocabulary_size) {}

  // By sequence index. Ids that were resumed are taken as they are, up to one
  // that would end the sequence without being shown.
  std::vector<ExpectedSequence> Expect(const RequestFields& fields);

 private:
  // One sequence so far.
  struct Walk {
    int32_t index = 0;
    uint64_t chain = 0;  // of what the model read
    int64_t position = 0;
    std::vector<bool> seen;  // by id
    std::string text;        // of what was generated
  };
  struct StopMatch {
    const std::string* stop = nullptr;
    size_t start = 0;
  };

  static void Read(const SlotOwner& owner, int32_t id, Walk& walk);
  ExpectedSequence ExpectOne(const SamplingParams& params,
                             const std::vector<int32_t>& resumed,
                             const SlotOwner& owner, Walk& walk);
  int32_t Choose(const SamplingParams& params, int32_t generated,
                 const Walk& walk);
  bool Ends(const SamplingParams& params, int32_t id,
            ExpectedSequence& expected, Walk& walk) const;
  std::optional<StopMatch> Add(int32_t id, absl::Span<const std::string> stops,
                               std::string& text) const;

  const Vocabulary& vocabulary_;
  Sampler sampler_;
  Drawer drawer_;
  std::vector<float> logits_;
};

// Length of the longest end of `text` that begins one of `stops` but is not all
// of it.
int64_t PendingBytes(const std::string& text,
                     absl::Span<const std::string> stops);

}  // namespace sluice::generator
