#include "tests/simulation/oracle.h"

#include <optional>

#include "common/base/check.h"
#include "services/generator/constraint/stop_checker.h"
#include "services/generator/sampler/seen_tokens.h"
#include "services/generator/scheduler/hash_runner.h"
#include "tests/simulation/tenant_hash_runner.h"

namespace sluice::generator {

std::vector<ExpectedSequence> Oracle::Expect(const Request& request) {
  const SlotOwner owner(request);
  uint64_t chain = 0;
  int64_t position = 0;
  for (int32_t id : request.prompt()) {
    chain = HashChain(chain, TenantSlot(owner.At(position), id, position));
    ++position;
  }
  std::vector<ExpectedSequence> all;
  for (int32_t index = 0; index < request.n(); ++index) {
    all.push_back(ExpectOne(request, index, chain));
  }
  return all;
}

ExpectedSequence Oracle::ExpectOne(const Request& request, int32_t index,
                                   uint64_t chain) {
  const SlotOwner owner(request);
  SeenTokens seen(static_cast<int32_t>(logits_.size()));
  seen.AddAll(request.prompt());
  StopChecker stops(request.stop_rules(), vocabulary_);
  ExpectedSequence expected;
  std::optional<SequenceEnd> end;
  SamplePoint point;
  point.seen = &seen;
  point.sequence_index = index;
  point.position = request.prompt_tokens();
  for (; !end.has_value(); ++point.position) {
    HashLogits(chain, absl::MakeSpan(logits_));
    point.banned_ids = {};
    if (stops.generated() < request.params().min_new_tokens) {
      point.banned_ids = request.eos_ids();
    }
    const auto id = sampler_.Sample(logits_, request.params(), point);
    SLUICE_CHECK(id.ok(), "the logits are finite");
    seen.Add(*id);
    end = stops.Push(*id);
    for (int32_t shown : stops.TakeShowable()) expected.shown.push_back(shown);
    chain = HashChain(chain, TenantSlot(owner.tenant, *id, point.position));
  }
  expected.end = *end;
  expected.generated = stops.generated();
  return expected;
}

}  // namespace sluice::generator
