#pragma once

// The training loop: AdamW, clipping, checkpoints, evaluation, export.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "services/generator/torch/trainer/batches.h"
#include "services/generator/torch/trainer/model_shape.h"
#include "services/generator/torch/trainer/schedule.h"

namespace sluice::generator {

struct NamedPath {
  std::string name;
  std::string prefix;  // of an IdFile
};

struct TrainerOptions {
  std::string ids;               // prefix of the IdFile to learn
  std::vector<NamedPath> evals;  // prefixes of held-out IdFiles
  std::string out;               // directory that gets the model
  std::string checkpoint;        // file; empty: none is written
  double checkpoint_minutes = 3;
  int64_t eval_steps = 500;  // between two evaluations
  int32_t threads = 4;
  bool bf16 = true;
  float prompt_weight = 0.03f;
  double weight_decay = 0.05;
  double clip_norm = 1.0;
  ModelShape shape;  // vocabulary comes from the ids
  ScheduleOptions schedule;
  BatchOptions batches;
};

// Goes on from the checkpoint when there is one of the same options.
// Errors: those of IdFile::Read; INVALID_ARGUMENT for a document longer than
// max_positions or a checkpoint of another shape; INTERNAL when a file cannot
// be written.
absl::Status Train(const TrainerOptions& options);

}  // namespace sluice::generator
