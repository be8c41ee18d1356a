#pragma once

// One pass of the decoder over a ragged batch: all rows of all sequences go
// through the same matrices together.

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/generator/kernels/huge_buffer.h"
#include "services/generator/kernels/kernel_set.h"
#include "services/generator/kernels/thread_pool.h"
#include "services/generator/models/decoder_weights.h"
#include "services/generator/models/model_config.h"
#include "services/generator/runner/attention_plan.h"
#include "services/generator/runner/kv_pool.h"
#include "services/generator/runner/quant_rows_buffer.h"

namespace sluice::generator {

// Rows of one sequence inside a pass; lent by the plan.
struct PassSequence {
  absl::Span<const int32_t> token_ids;
  int32_t first_position = 0;
  const int32_t* block_table = nullptr;
  int32_t logit_rows = 0;  // of the last so many
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
  // positions and blocks in range. `logits` is [logit_rows of all,
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

  // What a matrix multiplies with: float32 rows, or rows quantised for it.
  struct Operand {
    const float* x = nullptr;
    int64_t stride = 0;
    kernels::QuantRowsView quant;
    int32_t rows = 0;
  };
  struct Output {
    float* out = nullptr;
    int64_t stride = 0;
    const float* bias = nullptr;
    bool add = false;
  };

  ForwardPass() = default;
  static absl::StatusOr<Matrix> MakeMatrix(int64_t rows, int64_t columns);
  absl::Status MakeQuantRows();
  void Lay(absl::Span<const PassSequence> sequences);
  void LayAttention(absl::Span<const PassSequence> sequences);
  int64_t RowGrain() const;
  int32_t row_count() const { return static_cast<int32_t>(rows_.size()); }

  void Embed(Worker& worker);
  void RunLayer(Worker& worker, int32_t layer);
  // Calls quantize(rows, i) for `rows` rows, shared with the other workers or,
  // for few rows, all on this one: cheaper than waiting for the others.
  template <typename Quantize>
  Operand QuantizeRows(Worker& worker, const PackedMatrix& matrix, int32_t rows,
                       const Quantize& quantize);
  // The norm of x_ for `matrix`, of the rows in `wanted` alone unless null.
  Operand Norm(Worker& worker, const std::vector<float>& weight,
               const PackedMatrix& matrix, const std::vector<int32_t>* wanted);
  Operand Attended(Worker& worker, const PackedMatrix& matrix);
  Operand Activated(Worker& worker, const PackedMatrix& matrix);
  // Of the rows whose tasks do not do that themselves.
  void RotateAndStore(Worker& worker, int32_t layer);
  void RotateQueries(int64_t row, float* queries, int32_t heads);
  // Keys and values of KV heads [head_begin, head_end).
  void StoreKeys(int32_t layer, int64_t row, int32_t head_begin,
                 int32_t head_end);
  void Attend(Worker& worker, int32_t layer);
  void Attend(int32_t layer, const AttentionTask& task, float* own_queries);
  kernels::AttentionCall CallOf(int32_t layer, const AttentionTask& task);
  void Head(Worker& worker);
  void Multiply(Worker& worker, const PackedMatrix& matrix,
                const Operand& operand, const Output& output);

  Parts parts_{};
  int32_t max_rows_ = 0;
  int64_t max_partials_ = 0;
  std::vector<float> inverse_frequencies_;

  Matrix x_;         // [rows, hidden], the residual stream
  Matrix normed_;    // [rows, hidden]
  Matrix qkv_;       // [rows, query + 2 kv]
  Matrix attended_;  // [rows, query]
  Matrix gate_up_;   // [rows, 2 ffn]
  Matrix cosine_;    // [rows, head_dim / 2]
  Matrix sine_;      // [rows, head_dim / 2]
  QuantRowsBuffer shared_rows_;
  std::vector<QuantRowsBuffer> own_rows_;  // per worker, for few rows
  Matrix own_queries_;  // [workers, query heads of a KV head]
  Matrix partials_;     // [partials, values], of heads cut into parts
  // Parts of a cut head that are not yet there in this layer.
  std::unique_ptr<std::atomic<int32_t>[]> parts_left_;

  // Of the running pass.
  absl::Span<const PassSequence> sequences_;
  std::vector<Row> rows_;
  std::vector<int32_t> first_rows_;  // per sequence
  std::vector<AttentionRows> attention_rows_;
  AttentionPlan attention_;
  // Rows of sequences of several; the attention of a single row rotates and
  // stores what it needs.
  std::vector<int32_t> rows_to_store_;
  std::vector<int32_t> wanted_rows_;
  float* logits_ = nullptr;
};

}  // namespace sluice::generator
