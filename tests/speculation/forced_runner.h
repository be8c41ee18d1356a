#pragma once

// A runner around a runner that computes all that is asked for and then makes
// one id of each row certain: the text is given, and the work is real.

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "services/generator/runner/model_runner.h"

namespace sluice::generator {

// Of one sequence at a time. Threads: engine thread only.
class ForcedRunner final : public ModelRunner {
 public:
  explicit ForcedRunner(ModelRunner& inner) : inner_(inner) {}

  // What the next sequence says, prompt and output, by position.
  void Force(std::vector<int32_t> ids) {
    ids_ = std::move(ids);
    rows_.assign(ids_.size(), 0);
  }

  const RunnerInfo& info() const override { return inner_.info(); }
  // REQUIRES: at most one sequence in the plan, within the ids.
  absl::StatusOr<LogitsView> Run(const StepPlan& plan) override;

  // A hash of the bits of each row of logits as the model gave it, by the
  // position of the id that it chooses; the last one where it ran again.
  const std::vector<uint64_t>& rows() const { return rows_; }

 private:
  ModelRunner& inner_;
  std::vector<int32_t> ids_;
  std::vector<uint64_t> rows_;
  std::vector<float> forced_;
};

}  // namespace sluice::generator
