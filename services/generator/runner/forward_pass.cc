#include "services/generator/runner/forward_pass.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "services/generator/kernels/embedding.h"

namespace sluice::generator {
namespace {

// Shares of a stage per thread: enough that a slow core hurts little, few
// enough that a share amortises its claim.
constexpr int64_t kSharesPerThread = 8;

// Up to so many rows every worker quantises all of them for itself.
constexpr int32_t kOwnRows = 4;

// Memory for the partials of heads that are cut into parts.
constexpr int64_t kPartialBytes = int64_t{4} << 20;

// inv_freq of Hugging Face: the exponent and the result are float32.
std::vector<float> InverseFrequencies(const ModelConfig& config) {
  std::vector<float> frequencies(config.head_dim / 2);
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const float exponent =
        static_cast<float>(2 * i) / static_cast<float>(config.head_dim);
    frequencies[i] = static_cast<float>(
        1.0 / static_cast<double>(static_cast<float>(
                  std::pow(config.rope_theta, static_cast<double>(exponent)))));
  }
  return frequencies;
}

}  // namespace

absl::StatusOr<ForwardPass::Matrix> ForwardPass::MakeMatrix(int64_t rows,
                                                            int64_t columns) {
  Matrix matrix;
  // One line past a whole number of lines: rows do not compete for the same
  // cache sets when columns is a power of two.
  matrix.stride = (columns + 15) / 16 * 16 + 16;
  const int64_t bytes = rows * matrix.stride * int64_t{sizeof(float)};
  auto memory = kernels::HugeBuffer::Allocate(static_cast<size_t>(bytes));
  if (!memory.has_value()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("scratch: no memory for ", bytes, " bytes"));
  }
  matrix.memory = *std::move(memory);
  matrix.memory.Populate();
  return matrix;
}

absl::StatusOr<ForwardPass> ForwardPass::Create(const Parts& parts,
                                                int32_t max_rows) {
  const ModelConfig& config = *parts.config;
  ForwardPass pass;
  pass.parts_ = parts;
  pass.max_rows_ = max_rows;
  pass.inverse_frequencies_ = InverseFrequencies(config);
  const int64_t query = config.query_size();
  const int64_t half = config.head_dim / 2;
  ASSIGN_OR_RETURN(pass.x_, MakeMatrix(max_rows, config.hidden_size));
  ASSIGN_OR_RETURN(pass.normed_, MakeMatrix(max_rows, config.hidden_size));
  ASSIGN_OR_RETURN(pass.qkv_,
                   MakeMatrix(max_rows, query + 2 * int64_t{config.kv_size()}));
  ASSIGN_OR_RETURN(pass.attended_, MakeMatrix(max_rows, query));
  ASSIGN_OR_RETURN(pass.gate_up_,
                   MakeMatrix(max_rows, 2 * int64_t{config.ffn_size}));
  ASSIGN_OR_RETURN(pass.cosine_, MakeMatrix(max_rows, half));
  ASSIGN_OR_RETURN(pass.sine_, MakeMatrix(max_rows, half));
  RETURN_IF_ERROR(pass.MakeQuantRows());
  ASSIGN_OR_RETURN(pass.own_queries_, MakeMatrix(parts.threads->threads(),
                                                 query / config.kv_heads));
  const int64_t floats =
      kernels::PartialFloats(parts.kv_pool->View(0, 0, nullptr).layout);
  pass.max_partials_ = kPartialBytes / (floats * int64_t{sizeof(float)});
  ASSIGN_OR_RETURN(pass.partials_, MakeMatrix(pass.max_partials_, floats));
  pass.parts_left_ =
      std::make_unique<std::atomic<int32_t>[]>(pass.max_partials_);
  return pass;
}

absl::Status ForwardPass::MakeQuantRows() {
  const ModelConfig& config = *parts_.config;
  const int32_t columns =
      std::max({config.hidden_size, config.query_size(), config.ffn_size});
  ASSIGN_OR_RETURN(shared_rows_, QuantRowsBuffer::Create(max_rows_, columns));
  for (int i = 0; i < parts_.threads->threads(); ++i) {
    ASSIGN_OR_RETURN(QuantRowsBuffer own,
                     QuantRowsBuffer::Create(kOwnRows, columns));
    own_rows_.push_back(std::move(own));
  }
  return absl::OkStatus();
}

void ForwardPass::Run(absl::Span<const PassSequence> sequences, float* logits) {
  sequences_ = sequences;
  logits_ = logits;
  Lay(sequences);
  LayAttention(sequences);
  parts_.threads->Run([this](Worker& worker) {
    Embed(worker);
    for (int32_t layer = 0; layer < parts_.config->layers; ++layer) {
      RunLayer(worker, layer);
    }
    if (!wanted_rows_.empty()) Head(worker);
  });
}

void ForwardPass::Lay(absl::Span<const PassSequence> sequences) {
  rows_.clear();
  first_rows_.clear();
  wanted_rows_.clear();
  for (const PassSequence& sequence : sequences) {
    first_rows_.push_back(static_cast<int32_t>(rows_.size()));
    for (size_t i = 0; i < sequence.token_ids.size(); ++i) {
      rows_.push_back(
          {.token_id = sequence.token_ids[i],
           .position = sequence.first_position + static_cast<int32_t>(i),
           .block_table = sequence.block_table});
    }
    for (int32_t back = sequence.logit_rows; back > 0; --back) {
      wanted_rows_.push_back(static_cast<int32_t>(rows_.size()) - back);
    }
  }
  SLUICE_CHECK(!rows_.empty() && rows_.size() <= static_cast<size_t>(max_rows_),
               "rows of a pass out of range");
}

void ForwardPass::LayAttention(absl::Span<const PassSequence> sequences) {
  attention_rows_.clear();
  rows_to_store_.clear();
  for (size_t s = 0; s < sequences.size(); ++s) {
    const int32_t rows = static_cast<int32_t>(sequences[s].token_ids.size());
    attention_rows_.push_back({sequences[s].first_position, rows});
    for (int32_t i = 0; rows > 1 && i < rows; ++i) {
      rows_to_store_.push_back(first_rows_[s] + i);
    }
  }
  const ModelConfig& config = *parts_.config;
  PlanAttention(attention_rows_,
                {.kv_heads = config.kv_heads,
                 .group = config.heads / config.kv_heads,
                 .threads = parts_.threads->threads(),
                 .max_partials = max_partials_},
                attention_);
  for (const AttentionTask& task : attention_.tasks) {
    if (task.parts > 1) parts_left_[task.cut_head].store(task.parts);
  }
}

int64_t ForwardPass::RowGrain() const {
  const int64_t shares = parts_.threads->threads() * kSharesPerThread;
  return std::max<int64_t>(1, static_cast<int64_t>(rows_.size()) / shares);
}

void ForwardPass::Embed(Worker& worker) {
  const auto body = [this](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Row& row = rows_[i];
      const PackedMatrix& table = parts_.weights->embedding;
      if (table.quantized()) {
        kernels::EmbeddingLookup(table.quant_view(), row.token_id, x_.row(i));
      } else {
        kernels::EmbeddingLookup(table.view(), row.token_id, x_.row(i));
      }
      kernels::RopeAngles(row.position, inverse_frequencies_.data(),
                          parts_.config->head_dim / 2, cosine_.row(i),
                          sine_.row(i));
    }
  };
  worker.For(static_cast<int64_t>(rows_.size()), RowGrain(), body);
}

void ForwardPass::Multiply(Worker& worker, const PackedMatrix& matrix,
                           const Operand& operand, const Output& output) {
  const int64_t panels = kernels::PanelCount(matrix.rows());
  const int64_t shares = worker.threads() * kSharesPerThread;
  const int64_t grain = std::max<int64_t>(1, panels / shares);
  if (matrix.quantized()) {
    const kernels::QuantLinearCall call{matrix.quant_view(), operand.quant,
                                        output.bias,         output.out,
                                        output.stride,       output.add};
    worker.For(panels, grain, [&](int64_t begin, int64_t end) {
      parts_.kernels.quant_linear(call, static_cast<int32_t>(begin),
                                  static_cast<int32_t>(end));
    });
    return;
  }
  const kernels::LinearCall call{matrix.view(),  output.bias,  operand.x,
                                 operand.stride, operand.rows, output.out,
                                 output.stride,  output.add};
  worker.For(panels, grain, [&](int64_t begin, int64_t end) {
    parts_.kernels.linear(call, static_cast<int32_t>(begin),
                          static_cast<int32_t>(end));
  });
}

void ForwardPass::RunLayer(Worker& worker, int32_t layer) {
  const LayerWeights& weights = parts_.weights->layers[layer];
  const auto bias = [](const std::vector<float>& values) {
    return values.empty() ? nullptr : values.data();
  };
  Operand operand = Norm(worker, weights.input_norm, weights.qkv, nullptr);
  Multiply(worker, weights.qkv, operand,
           {qkv_.row(0), qkv_.stride, bias(weights.qkv_bias), false});
  RotateAndStore(worker, layer);
  Attend(worker, layer);
  operand = Attended(worker, weights.output);
  Multiply(worker, weights.output, operand,
           {x_.row(0), x_.stride, bias(weights.output_bias), true});
  operand = Norm(worker, weights.post_norm, weights.gate_up, nullptr);
  Multiply(worker, weights.gate_up, operand,
           {gate_up_.row(0), gate_up_.stride, nullptr, false});
  operand = Activated(worker, weights.down);
  Multiply(worker, weights.down, operand,
           {x_.row(0), x_.stride, nullptr, true});
}

template <typename Quantize>
ForwardPass::Operand ForwardPass::QuantizeRows(Worker& worker,
                                               const PackedMatrix& matrix,
                                               int32_t rows,
                                               const Quantize& quantize) {
  Operand operand;
  operand.rows = rows;
  if (rows <= kOwnRows) {
    operand.quant = own_rows_[worker.index()].View(matrix.quant_view(), rows);
    for (int32_t i = 0; i < rows; ++i) quantize(operand.quant, i);
    return operand;
  }
  operand.quant = shared_rows_.View(matrix.quant_view(), rows);
  worker.For(rows, RowGrain(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      quantize(operand.quant, static_cast<int32_t>(i));
    }
  });
  return operand;
}

ForwardPass::Operand ForwardPass::Norm(Worker& worker,
                                       const std::vector<float>& weight,
                                       const PackedMatrix& matrix,
                                       const std::vector<int32_t>* wanted) {
  const float eps = static_cast<float>(parts_.config->rms_norm_eps);
  const int32_t rows =
      wanted == nullptr ? row_count() : static_cast<int32_t>(wanted->size());
  const auto source = [&](int64_t i) {
    return x_.row(wanted == nullptr ? i : (*wanted)[i]);
  };
  if (matrix.quantized()) {
    return QuantizeRows(worker, matrix, rows,
                        [&](const kernels::QuantRowsView& to, int32_t i) {
                          parts_.kernels.rms_norm_quantize(
                              source(i), weight.data(), eps, to, i);
                        });
  }
  worker.For(rows, RowGrain(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      parts_.kernels.rms_norm(source(i), weight.data(),
                              parts_.config->hidden_size, eps, normed_.row(i));
    }
  });
  return {normed_.row(0), normed_.stride, {}, rows};
}

ForwardPass::Operand ForwardPass::Attended(Worker& worker,
                                           const PackedMatrix& matrix) {
  if (!matrix.quantized()) {
    return {attended_.row(0), attended_.stride, {}, row_count()};
  }
  return QuantizeRows(worker, matrix, row_count(),
                      [&](const kernels::QuantRowsView& to, int32_t i) {
                        parts_.kernels.quantize_row(attended_.row(i), to, i);
                      });
}

ForwardPass::Operand ForwardPass::Activated(Worker& worker,
                                            const PackedMatrix& matrix) {
  const int32_t ffn = parts_.config->ffn_size;
  if (matrix.quantized()) {
    return QuantizeRows(worker, matrix, row_count(),
                        [&](const kernels::QuantRowsView& to, int32_t i) {
                          const float* gate = gate_up_.row(i);
                          parts_.kernels.swiglu_quantize(gate, gate + ffn, to,
                                                         i);
                        });
  }
  worker.For(row_count(), RowGrain(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float* gate = gate_up_.row(i);
      parts_.kernels.swiglu(gate, gate + ffn, ffn, gate);
    }
  });
  return {gate_up_.row(0), gate_up_.stride, {}, row_count()};
}

void ForwardPass::RotateQueries(int64_t row, float* queries, int32_t heads) {
  parts_.kernels.rope(queries, heads, parts_.config->head_dim / 2,
                      cosine_.row(row), sine_.row(row));
}

void ForwardPass::StoreKeys(int32_t layer, int64_t i, int32_t head_begin,
                            int32_t head_end) {
  const ModelConfig& config = *parts_.config;
  const int32_t head_dim = config.head_dim;
  const Row& row = rows_[i];
  float* key =
      qkv_.row(i) + config.query_size() + int64_t{head_begin} * head_dim;
  const float* value = key + config.kv_size();
  parts_.kernels.rope(key, head_end - head_begin, head_dim / 2, cosine_.row(i),
                      sine_.row(i));
  for (int32_t head = head_begin; head < head_end; ++head) {
    parts_.kernels.kv_write(parts_.kv_pool->View(layer, head, row.block_table),
                            row.position, key, value);
    key += head_dim;
    value += head_dim;
  }
}

void ForwardPass::RotateAndStore(Worker& worker, int32_t layer) {
  if (rows_to_store_.empty()) return;
  worker.For(static_cast<int64_t>(rows_to_store_.size()), RowGrain(),
             [&](int64_t begin, int64_t end) {
               for (int64_t i = begin; i < end; ++i) {
                 const int32_t row = rows_to_store_[i];
                 RotateQueries(row, qkv_.row(row), parts_.config->heads);
                 StoreKeys(layer, row, 0, parts_.config->kv_heads);
               }
             });
}

kernels::AttentionCall ForwardPass::CallOf(int32_t layer,
                                           const AttentionTask& task) {
  const ModelConfig& config = *parts_.config;
  const int32_t group = config.heads / config.kv_heads;
  const PassSequence& sequence = sequences_[task.sequence];
  const int64_t first_row = first_rows_[task.sequence];
  const int64_t offset = int64_t{task.kv_head} * group * config.head_dim;
  kernels::AttentionCall call;
  call.kv = parts_.kv_pool->View(layer, task.kv_head, sequence.block_table);
  call.q = qkv_.row(first_row) + offset;
  call.q_stride = qkv_.stride;
  call.group = group;
  call.first_position = sequence.first_position;
  call.scale =
      static_cast<float>(1.0 / std::sqrt(static_cast<double>(config.head_dim)));
  call.out = attended_.row(first_row) + offset;
  call.out_stride = attended_.stride;
  if (task.parts > 1) {
    call.partials = partials_.row(0) +
                    task.first_partial * kernels::PartialFloats(call.kv.layout);
    call.part = task.part;
  }
  return call;
}

void ForwardPass::Attend(Worker& worker, int32_t layer) {
  worker.ForEach(static_cast<int64_t>(attention_.tasks.size()),
                 [&](int64_t index) {
                   Attend(layer, attention_.tasks[index],
                          own_queries_.row(worker.index()));
                 });
}

void ForwardPass::Attend(int32_t layer, const AttentionTask& task,
                         float* own_queries) {
  kernels::AttentionCall call = CallOf(layer, task);
  const int64_t row = first_rows_[task.sequence];
  if (sequences_[task.sequence].token_ids.size() == 1) {
    // Several tasks may need the same queries: each rotates its own.
    std::copy_n(call.q, int64_t{call.group} * parts_.config->head_dim,
                own_queries);
    RotateQueries(row, own_queries, call.group);
    call.q = own_queries;
    if (task.part == task.parts - 1) {
      StoreKeys(layer, row, task.kv_head, task.kv_head + 1);
    }
  }
  parts_.kernels.attention(call, task.vector_begin, task.vector_end);
  if (task.parts == 1) return;
  std::atomic<int32_t>& left = parts_left_[task.cut_head];
  if (left.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
  left.store(task.parts, std::memory_order_relaxed);  // for the next layer
  call.part = task.parts;
  parts_.kernels.attention_merge(call, task.vector_begin, task.vector_end);
}

void ForwardPass::Head(Worker& worker) {
  const PackedMatrix& head = parts_.weights->head();
  const Operand operand =
      Norm(worker, parts_.weights->final_norm, head, &wanted_rows_);
  Multiply(worker, head, operand,
           {logits_, parts_.config->vocabulary_size, nullptr, false});
}

}  // namespace sluice::generator
