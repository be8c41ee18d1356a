#pragma once

// The oracle of engine tests: one sequence at a time, no batch, no blocks, no
// chunks, against the logits of HashRunner.

#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/check.h"
#include "common/vocabulary/vocabulary.h"
#include "services/generator/constraint/stop_checker.h"
#include "services/generator/sampler/sampler.h"
#include "services/generator/scheduler/hash_runner.h"
#include "services/generator/scheduler/request.h"

namespace sluice::generator {

struct ExpectedStream {
  std::vector<int32_t> shown;  // the ids of all Deltas
  SequenceEnd end;
  int32_t generated = 0;
};

inline ExpectedStream ExpectStream(const Request& request, int32_t index,
                                   int32_t vocabulary_size,
                                   const Vocabulary& vocabulary) {
  Sampler sampler;
  SeenTokens seen(vocabulary_size);
  seen.AddAll(request.prompt());
  StopChecker stops(request.stop_rules(), vocabulary);
  std::vector<float> logits(vocabulary_size);
  uint64_t chain = 0;
  int64_t position = 0;
  for (int32_t id : request.prompt()) {
    chain = HashChain(chain, HashSlot(id, position++));
  }
  ExpectedStream stream;
  std::optional<SequenceEnd> end;
  while (!end.has_value()) {
    HashLogits(chain, absl::MakeSpan(logits));
    SamplePoint point;
    point.seen = &seen;
    if (stops.generated() < request.params().min_new_tokens) {
      point.banned_ids = request.eos_ids();
    }
    point.sequence_index = index;
    point.position = position;
    const auto id = sampler.Sample(logits, request.params(), point);
    SLUICE_CHECK(id.ok(), "the logits are finite");
    seen.Add(*id);
    end = stops.Push(*id);
    for (int32_t shown : stops.TakeShowable()) stream.shown.push_back(shown);
    chain = HashChain(chain, HashSlot(*id, position++));
  }
  stream.end = *end;
  stream.generated = stops.generated();
  return stream;
}

}  // namespace sluice::generator
