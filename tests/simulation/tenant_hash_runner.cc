#include "tests/simulation/tenant_hash_runner.h"

#include <limits>

#include "common/base/check.h"
#include "services/generator/scheduler/hash_runner.h"

namespace sluice::generator {

uint64_t HashOfTenant(const std::string& tenant) {
  uint64_t hash = 1;
  for (const char c : tenant) {
    hash = HashChain(hash, static_cast<unsigned char>(c));
  }
  return hash;
}

SlotOwner::SlotOwner(const std::string& tenant, int32_t public_tokens)
    : public_hash(HashOfTenant("everybody's")),
      tenant(HashOfTenant(tenant)),
      public_tokens(public_tokens) {}

uint64_t TenantSlot(uint64_t tenant, int32_t token, int64_t position) {
  return MixBits(HashSlot(token, position) + tenant);
}

TenantHashRunner::TenantHashRunner(int32_t vocabulary_size,
                                   int32_t context_length,
                                   const PoolShape& pool, FakeClock& clock)
    : clock_(clock),
      owners_(pool.block_count),
      slots_(static_cast<size_t>(pool.block_count) * pool.block_size, 0) {
  info_.architecture = "HashForSimulation";
  info_.backend = "hash";
  info_.vocabulary_size = vocabulary_size;
  info_.context_length = context_length;
  info_.block_count = pool.block_count;
  info_.block_size = pool.block_size;
  info_.block_bytes = pool.block_size * static_cast<int64_t>(sizeof(uint64_t));
  info_.fingerprint = "tenant-hash-1";
  info_.takes_drafts = true;
}

absl::StatusOr<LogitsView> TenantHashRunner::Run(const StepPlan& plan) {
  on_plan_(plan);
  clock_.Advance(step_time_);
  if (fault_ == Fault::kStep) return absl::InternalError("a simulated fault");
  FindOwners();
  Copy(plan);
  int32_t rows = 0;
  for (const SequenceRows& sequence : plan.sequences) {
    Write(sequence);
    rows += sequence.logit_rows();
  }
  const size_t columns = static_cast<size_t>(info_.vocabulary_size);
  logits_.resize(rows * columns);
  size_t row = 0;
  for (const SequenceRows& sequence : plan.sequences) {
    for (int32_t back = sequence.logit_rows(); back > 0; --back) {
      HashLogits(Read(sequence, back),
                 absl::MakeSpan(&logits_[row++ * columns], columns));
    }
  }
  const int32_t failing = FailingRow(plan, fault_, fault_at_);
  if (failing >= 0) {
    logits_[failing * columns + 1] = std::numeric_limits<float>::quiet_NaN();
  }
  return LogitsView{rows, info_.vocabulary_size, logits_};
}

int32_t TenantHashRunner::FailingRow(const StepPlan& plan, Fault fault,
                                     int32_t fault_at) {
  std::vector<int32_t> candidates;
  int32_t row = 0;
  for (const SequenceRows& sequence : plan.sequences) {
    for (int32_t i = 0; i < sequence.logit_rows(); ++i, ++row) {
      if (fault == Fault::kNotANumber ||
          (fault == Fault::kNotANumberInDraft && i > 0)) {
        candidates.push_back(row);
      }
    }
  }
  return candidates.empty() ? -1 : candidates[fault_at % candidates.size()];
}

void TenantHashRunner::FindOwners() {
  SLUICE_CHECK(scheduler_ != nullptr, "the runner knows its scheduler");
  for (const Sequence* sequence : scheduler_->running()) {
    const Request& request = sequence->request->request;
    const SlotOwner owner(request.tenant(), request.public_prefix_tokens());
    for (int32_t id : sequence->blocks.ids()) owners_[id] = owner;
  }
}

void TenantHashRunner::Copy(const StepPlan& plan) {
  const size_t size = static_cast<size_t>(info_.block_size);
  for (const BlockCopy& copy : plan.copies) {
    for (int32_t i = 0; i < copy.positions; ++i) {
      slots_[copy.to_block * size + i] = slots_[copy.from_block * size + i];
    }
  }
}

size_t TenantHashRunner::SlotOf(const SequenceRows& rows,
                                int32_t position) const {
  const size_t index = static_cast<size_t>(position / info_.block_size);
  SLUICE_CHECK(index < rows.block_table.size(), "the table covers the row");
  const int32_t block = rows.block_table[index];
  SLUICE_CHECK(block >= 0 && block < info_.block_count, "block in range");
  return static_cast<size_t>(block) * info_.block_size +
         position % info_.block_size;
}

void TenantHashRunner::Write(const SequenceRows& rows) {
  SLUICE_CHECK(!rows.token_ids.empty(), "a planned sequence has rows");
  for (size_t i = 0; i < rows.token_ids.size(); ++i) {
    const int32_t position = rows.first_position + static_cast<int32_t>(i);
    SLUICE_CHECK(position < info_.context_length, "rows are in the context");
    const SlotOwner& owner =
        owners_[rows.block_table[position / info_.block_size]];
    slots_[SlotOf(rows, position)] =
        TenantSlot(owner.At(position), rows.token_ids[i], position);
  }
}

uint64_t TenantHashRunner::Read(const SequenceRows& rows, int32_t back) const {
  const int32_t end = rows.first_position +
                      static_cast<int32_t>(rows.token_ids.size()) - (back - 1);
  uint64_t chain = 0;
  for (int32_t position = 0; position < end; ++position) {
    chain = HashChain(chain, slots_[SlotOf(rows, position)]);
  }
  return chain;
}

}  // namespace sluice::generator
