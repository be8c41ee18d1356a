#pragma once

// The seam between the engine and a backend: a StepPlan goes in, rows of
// logits come out. Arrays exist only behind it.

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/generator/runner/step_plan.h"

namespace sluice::generator {

// What is behind the seam. Immutable after construction.
struct RunnerInfo {
  std::string architecture;     // for example "Qwen2ForCausalLM"
  std::string backend;          // "native" or "torch"
  int32_t vocabulary_size = 0;  // columns of the logits
  int32_t context_length = 0;   // positions, prompt and output together
  int32_t block_size = 0;       // positions a KV block holds
  int32_t block_count = 0;      // KV blocks in the pool, ids 0..count-1
  int64_t block_bytes = 0;      // all layers, keys and values
  int64_t parameters = 0;
  int64_t weight_bytes = 0;
  bool weights_from_cache = false;  // they had been packed by an earlier start
  int threads = 1;
  std::string isa;            // "scalar", "avx2", "avx512", ...
  std::string weight_format;  // "f32", "bf16", "int8g32", ...
  std::string kv_format;      // "f32", "bf16", "int8"
  // Numerics version, backend, ISA, formats and model hash in one token:
  // runners of equal fingerprint give equal bits for equal sequences.
  std::string fingerprint;
  // Plans may hold draft rows: the bits of a row do not depend on the rows that
  // run with it.
  bool takes_drafts = false;
};

// Logits of a step: logit_rows() for each entry of plan.sequences, those of an
// entry in order of position. Valid until the next Run.
struct LogitsView {
  int32_t rows = 0;
  int32_t vocabulary_size = 0;
  // [rows, vocabulary_size] float32, row-major.
  absl::Span<const float> values;

  absl::Span<const float> Row(int32_t row) const {
    return values.subspan(static_cast<size_t>(row) * vocabulary_size,
                          vocabulary_size);
  }
};

// Threads: engine thread only (a runner may use threads of its own inside).
class ModelRunner {
 public:
  virtual ~ModelRunner() = default;

  virtual const RunnerInfo& info() const = 0;

  // Executes the plan: copies, then every row of every sequence.
  // REQUIRES: ids, blocks and positions are in range (CHECKed).
  // Errors: INTERNAL when the backend itself fails; the step then has no
  // effect that the caller may rely on.
  virtual absl::StatusOr<LogitsView> Run(const StepPlan& plan) = 0;
};

}  // namespace sluice::generator
