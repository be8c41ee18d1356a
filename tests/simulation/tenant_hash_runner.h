#pragma once

// A model whose every KV slot holds a hash of (token, position, tenant) and
// whose logits are a hash of all slots read back through the block table: a
// stale, shared, leaked or misplaced block changes the output, and so does one
// that another tenant wrote.

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "services/generator/runner/model_runner.h"
#include "services/generator/scheduler/scheduler.h"

namespace sluice::generator {

uint64_t HashOfTenant(const std::string& tenant);
// Whose the tokens at the positions of a request are: nobody's within its
// public prefix, and the tenant's behind it.
struct SlotOwner {
  SlotOwner(const std::string& tenant, int32_t public_tokens);
  SlotOwner() = default;
  uint64_t At(int64_t position) const {
    return position < public_tokens ? public_hash : tenant;
  }
  uint64_t public_hash = 0;
  uint64_t tenant = 0;
  int32_t public_tokens = 0;
};
// What a slot holds.
uint64_t TenantSlot(uint64_t tenant, int32_t token, int64_t position);

struct PoolShape {
  int32_t block_count = 0;
  int32_t block_size = 0;
};

// Threads: one at a time.
class TenantHashRunner : public ModelRunner {
 public:
  // kNotANumberInDraft: of a row that stands on a guess, if there is one.
  enum class Fault { kNone, kStep, kNotANumber, kNotANumberInDraft };

  // The clock is lent for the runner's life.
  TenantHashRunner(int32_t vocabulary_size, int32_t context_length,
                   const PoolShape& pool, FakeClock& clock);

  // Whose sequences the plans are of. REQUIRES: before the first Run.
  // `on_plan` is called with each plan before anything of it runs.
  void Watch(const Scheduler& scheduler,
             std::function<void(const StepPlan&)> on_plan) {
    scheduler_ = &scheduler;
    on_plan_ = std::move(on_plan);
  }
  // Of the rows of logits of a plan the one that is not a number, -1: none.
  // `fault_at` counts round among those that it may be.
  static int32_t FailingRow(const StepPlan& plan, Fault fault,
                            int32_t fault_at);
  // How long the next steps take and how the next one fails.
  void Prepare(Nanos step_time, Fault fault, int32_t fault_at) {
    step_time_ = step_time;
    fault_ = fault;
    fault_at_ = fault_at;
  }

  const RunnerInfo& info() const override { return info_; }
  absl::StatusOr<LogitsView> Run(const StepPlan& plan) override;

 private:
  size_t SlotOf(const SequenceRows& rows, int32_t position) const;
  void FindOwners();
  void Copy(const StepPlan& plan);
  void Write(const SequenceRows& rows);
  // What the row sees that is `back` from the end.
  uint64_t Read(const SequenceRows& rows, int32_t back) const;

  RunnerInfo info_;
  FakeClock& clock_;
  const Scheduler* scheduler_ = nullptr;
  std::function<void(const StepPlan&)> on_plan_;
  Nanos step_time_ = 0;
  Fault fault_ = Fault::kNone;
  int32_t fault_at_ = 0;
  std::vector<SlotOwner> owners_;  // by block
  std::vector<uint64_t> slots_;    // [block_count, block_size]
  std::vector<float> logits_;
};

}  // namespace sluice::generator
