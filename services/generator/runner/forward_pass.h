#pragma once

// One pass of the decoder over a ragged batch: all rows of all sequences go
// through the same matrices together.

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/generator/kernels/huge_buffer.h"
#include "services/generator/kernels/kernel_set.h"
#include "services/generator/kernels/thread_pool.h"
#include "services/generator/models/decoder_weights.h"
#include "services/generator/models/model_config.h"
#include "services/generator/runner/kv_pool.h"

namespace sluice::generator {

// Rows of one sequence inside a pass; lent by the plan.
struct PassSequence {
  absl::Span<const int32_t> token_ids;
  int32_t first_position = 0;
  const int32_t* block_table = nullptr;
  bool wants_logits = false;  // of the last row
};

// Scratch for at most max_rows rows is taken at construction.
// Threads: one at a time.
class ForwardPass {
 public:
  struct Parts {
    const ModelConfig* config;
    const DecoderWeights* weights;
    kernels::KernelSet kernels;
    KvPool* kv_pool;
    kernels::ThreadPool* threads;
  };

  // The parts outlive the pass. Errors: RESOURCE_EXHAUSTED.
  static absl::StatusOr<ForwardPass> Create(const Parts& parts,
                                            int32_t max_rows);

  int32_t max_rows() const { return max_rows_; }

  // REQUIRES: at least one row and at most max_rows over all sequences; ids,
  // positions and blocks in range. `logits` is [sequences that want them,
  // vocabulary].
  void Run(absl::Span<const PassSequence> sequences, float* logits);

 private:
  using Worker = kernels::ThreadPool::Worker;

  // A float32 matrix of scratch, [max_rows, columns].
  struct Matrix {
    kernels::HugeBuffer memory;
    int64_t stride = 0;

    float* row(int64_t index) { return memory.floats() + index * stride; }
  };
  // A row of the pass.
  struct Row {
    int32_t token_id;
    int32_t position;
    const int32_t* block_table;
  };
  // A share of the attention: vectors of one sequence and KV head.
  struct AttentionTask {
    int32_t sequence;
    int32_t kv_head;
    int32_t vector_begin;
    int32_t vector_end;
  };

  ForwardPass() = default;
  static absl::StatusOr<Matrix> MakeMatrix(int64_t rows, int64_t columns);
  void Lay(absl::Span<const PassSequence> sequences);
  void LayAttention(absl::Span<const PassSequence> sequences);
  int64_t RowGrain() const;

  void Embed(Worker& worker);
  void RunLayer(Worker& worker, int32_t layer);
  void Norm(Worker& worker, const std::vector<float>& weight);
  void RotateAndStore(Worker& worker, int32_t layer);
  void Attend(Worker& worker, int32_t layer);
  void Activate(Worker& worker);
  void Head(Worker& worker);
  void Linear(Worker& worker, const kernels::LinearCall& call);

  Parts parts_{};
  int32_t max_rows_ = 0;
  std::vector<float> inverse_frequencies_;

  Matrix x_;         // [rows, hidden], the residual stream
  Matrix normed_;    // [rows, hidden]
  Matrix qkv_;       // [rows, query + 2 kv]
  Matrix attended_;  // [rows, query]
  Matrix gate_up_;   // [rows, 2 ffn]
  Matrix cosine_;    // [rows, head_dim / 2]
  Matrix sine_;      // [rows, head_dim / 2]

  // Of the running pass.
  absl::Span<const PassSequence> sequences_;
  std::vector<Row> rows_;
  std::vector<int32_t> first_rows_;  // per sequence
  std::vector<AttentionTask> tasks_;
  std::vector<int32_t> wanted_rows_;
  float* logits_ = nullptr;
};

}  // namespace sluice::generator
