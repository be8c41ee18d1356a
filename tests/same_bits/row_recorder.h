#pragma once

// A runner around a runner that writes down what goes through: which rows ran
// together, and the bits of every row of logits.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "services/generator/runner/model_runner.h"
#include "services/generator/scheduler/scheduler.h"
#include "tests/same_bits/trail.h"

namespace sluice::generator {

// Threads: engine thread only.
class RowRecorder final : public ModelRunner {
 public:
  // `spoil` makes the low bit of a logit depend on whether there are
  // neighbours: whoever compares must find it.
  RowRecorder(ModelRunner& inner, bool spoil) : inner_(inner), spoil_(spoil) {}

  // Whose plans come; it tells which sequence a row belongs to. Lent.
  void Watch(const Scheduler& scheduler) { scheduler_ = &scheduler; }

  const RunnerInfo& info() const override { return inner_.info(); }
  // REQUIRES: Watch was called.
  absl::StatusOr<LogitsView> Run(const StepPlan& plan) override;

  // By request id and sequence index: evidence and rows, nothing else. Of rows
  // behind a wrong guess those of the next try; at the end there may be more
  // than ids.
  using Trails = std::map<std::pair<std::string, int32_t>, Trail>;
  const Trails& trails() const { return trails_; }

 private:
  // What ran of a sequence so far.
  struct Progress {
    int32_t end = 0;          // positions, without guesses
    int32_t drafted_end = 0;  // with them
    int32_t first_row = -1;   // position of the first row of logits
  };

  static void Note(const StepPlan& plan, const SequenceRows& rows,
                   Progress& progress, Trail& trail);
  LogitsView Spoil(const LogitsView& logits);

  ModelRunner& inner_;
  const bool spoil_;
  const Scheduler* scheduler_ = nullptr;
  Trails trails_;
  std::map<std::pair<std::string, int32_t>, Progress> progress_;
  std::vector<float> spoiled_;
};

}  // namespace sluice::generator
