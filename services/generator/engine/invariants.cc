#include "services/generator/engine/invariants.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace sluice::generator {
namespace {

using State = Sequence::State;

// Whose a block is: a tenant's, or everybody's.
struct Owner {
  bool is_public = false;
  std::string_view tenant = {};
  bool operator==(const Owner&) const = default;
};

// Who holds a block, counted from the tables.
struct Holder {
  Owner owner = {};
  const Sequence* last = nullptr;
  int32_t references = 0;
};

template <typename... Parts>
absl::Status Broken(const Parts&... parts) {
  return absl::InternalError(absl::StrCat("invariant: ", parts...));
}

absl::Status CountTable(const Sequence& sequence, const BlockPool& pool,
                        std::vector<Holder>& holders) {
  const Request& request = sequence.request->request;
  const std::string_view tenant = request.tenant();
  const int32_t public_blocks =
      sequence.chain.has_value() ? sequence.chain->public_blocks() : 0;
  const int32_t computed_blocks = sequence.computed / pool.block_size();
  for (int32_t i = 0; i < sequence.blocks.size(); ++i) {
    const int32_t id = sequence.blocks.id(i);
    const bool is_public = i < public_blocks;
    const Owner owner{is_public, is_public ? std::string_view() : tenant};
    Holder& holder = holders[id];
    if (holder.last == &sequence) {
      return Broken("block ", id, " is twice in one table");
    }
    if (i >= computed_blocks && pool.kept(id)) {
      return Broken("block ", id, " is kept and still to be written");
    }
    if (holder.references > 0 && holder.owner != owner) {
      return Broken("block ", id, " is shared by two tenants");
    }
    holder.owner = owner;
    holder.last = &sequence;
    ++holder.references;
  }
  return absl::OkStatus();
}

absl::Status CheckSequence(const Sequence& sequence, int32_t max_preemptions) {
  const bool runs = sequence.state == State::kRunning;
  if (!runs && sequence.blocks.size() > 0) {
    return Broken("a sequence that does not run holds blocks");
  }
  if (sequence.state == State::kWaiting && sequence.computed != 0) {
    return Broken("a waiting sequence has computed rows");
  }
  if (runs && sequence.blocks.capacity() < sequence.computed) {
    return Broken("computed rows have no blocks");
  }
  if (runs && sequence.remaining() < 1) {
    return Broken("a running sequence has nothing to run");
  }
  if (!sequence.drafts.empty()) return Broken("guesses outside of a step");
  if ((sequence.state == State::kEnded) != sequence.end.has_value()) {
    return Broken("state and end of a sequence differ");
  }
  if (sequence.preemptions > max_preemptions) {
    return Broken("preempted ", sequence.preemptions, " times, limit ",
                  max_preemptions);
  }
  return absl::OkStatus();
}

absl::Status CheckLists(const Scheduler& scheduler) {
  std::vector<const Sequence*> listed;
  for (const Sequence* sequence : scheduler.waiting()) {
    if (sequence->state != State::kWaiting) return Broken("waiting list");
    listed.push_back(sequence);
  }
  for (const Sequence* sequence : scheduler.running()) {
    if (sequence->state != State::kRunning) return Broken("running list");
    listed.push_back(sequence);
  }
  std::sort(listed.begin(), listed.end());
  if (std::adjacent_find(listed.begin(), listed.end()) != listed.end()) {
    return Broken("a sequence is listed twice");
  }
  size_t alive = 0;
  for (const auto& [ticket, request] : scheduler.requests()) {
    for (const Sequence& sequence : request->sequences) {
      alive += sequence.state != State::kEnded;
    }
  }
  if (alive != listed.size()) return Broken("a sequence is in no list");
  return absl::OkStatus();
}

absl::Status CheckPool(const BlockPool& pool,
                       const std::vector<Holder>& holders) {
  std::vector<bool> free(holders.size(), false);
  for (int32_t id : pool.free_blocks()) {
    if (free[id]) return Broken("block ", id, " is free twice");
    free[id] = true;
  }
  int32_t active = 0;
  for (size_t i = 0; i < holders.size(); ++i) {
    const int32_t id = static_cast<int32_t>(i);
    const int32_t held = holders[i].references;
    if (pool.references(id) != held) {
      return Broken("block ", id, " counts ", pool.references(id),
                    " references, held ", held, " times");
    }
    if (free[i] && held > 0) return Broken("block ", id, " is free and held");
    active += held > 0;
  }
  const BlockCounts counts = pool.counts();
  if (counts.active != active ||
      counts.free + counts.active + counts.cached != counts.total) {
    return Broken("block counts do not add up");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckInvariants(const Scheduler& scheduler) {
  const BlockPool& pool = scheduler.pool();
  std::vector<Holder> holders(pool.counts().total);
  for (const auto& [ticket, request] : scheduler.requests()) {
    for (const Sequence& sequence : request->sequences) {
      RETURN_IF_ERROR(
          CheckSequence(sequence, scheduler.options().max_preemptions));
      RETURN_IF_ERROR(CountTable(sequence, pool, holders));
    }
  }
  RETURN_IF_ERROR(CheckLists(scheduler));
  return CheckPool(pool, holders);
}

}  // namespace sluice::generator
