#pragma once

// Writes an ordinary Hugging Face directory of any shape with random weights:
// for tests, scripts and benches, which need a model but not its wisdom.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/modelfiles/safetensors.h"
#include "services/generator/models/model_config.h"

namespace sluice::generator {

struct RandomModelOptions {
  std::string out;               // directory, made when missing
  std::string family = "qwen2";  // "qwen2" or "llama"
  std::string shape = "tiny";    // see ParseRandomShape
  uint64_t seed = 1;
  TensorType type = TensorType::kF32;  // or kBF16
  // Standard deviation of the logits, roughly; more makes the best token win
  // by a larger margin.
  double logit_spread = 3.0;
  // A weight file that would pass this becomes several shards.
  int64_t max_shard_bytes = 5'000'000'000;
  // Writes into a directory that holds a model already.
  bool overwrite = false;
};

// Told after each piece that was written.
using WriteProgress =
    std::function<void(int64_t done_bytes, int64_t total_bytes)>;

// config.json, generation_config.json, tokenizer.json, tokenizer_config.json,
// and model.safetensors or shards with an index. Equal options give equal
// bytes on every machine. config.json comes last: a directory left half-made is
// no model. Memory: one piece of 8 MiB, whatever the size of the model.
// Errors: INVALID_ARGUMENT for a bad family, shape, type or spread;
// ALREADY_EXISTS when `out` holds a model; RESOURCE_EXHAUSTED when the disk has
// less room than the weights need; INTERNAL when a file cannot be written.
// Threads: any.
absl::Status MakeRandomModel(const RandomModelOptions& options,
                             const WriteProgress& progress = nullptr);

// `sluice-generator make-random-model ARGS`: returns the exit status, prints
// errors and, on a terminal, a progress bar to stderr.
int MakeRandomModelCommand(const std::vector<std::string>& args);

}  // namespace sluice::generator
