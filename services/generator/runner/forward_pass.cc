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

// Vectors of an attention task: many share the loads of keys and values, few
// keep all threads busy. The kernels take six, four or less at a time.
constexpr int32_t kVectorsPerTask[] = {24, 12, 6, 4, 3, 2, 1};

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
    if (sequence.wants_logits) {
      wanted_rows_.push_back(static_cast<int32_t>(rows_.size()) - 1);
    }
  }
  SLUICE_CHECK(!rows_.empty() && rows_.size() <= static_cast<size_t>(max_rows_),
               "rows of a pass out of range");
}

void ForwardPass::LayAttention(absl::Span<const PassSequence> sequences) {
  const size_t enough = static_cast<size_t>(parts_.threads->threads()) * 2;
  for (const int32_t per_task : kVectorsPerTask) {
    CutAttention(sequences, per_task);
    if (tasks_.size() >= enough) break;
  }
  const int32_t kv_heads = parts_.config->kv_heads;
  tasks_own_heads_ = rows_.size() == sequences.size() &&
                     tasks_.size() == sequences.size() * kv_heads;
}

void ForwardPass::CutAttention(absl::Span<const PassSequence> sequences,
                               int32_t vectors_per_task) {
  const int32_t kv_heads = parts_.config->kv_heads;
  const int32_t group = parts_.config->heads / kv_heads;
  tasks_.clear();
  for (size_t s = 0; s < sequences.size(); ++s) {
    const int32_t vectors =
        static_cast<int32_t>(sequences[s].token_ids.size()) * group;
    for (int32_t begin = 0; begin < vectors; begin += vectors_per_task) {
      const int32_t end = std::min(vectors, begin + vectors_per_task);
      for (int32_t head = 0; head < kv_heads; ++head) {
        tasks_.push_back({static_cast<int32_t>(s), head, begin, end});
      }
    }
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
  if (!tasks_own_heads_) RotateAndStore(worker, layer);
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

void ForwardPass::RotateAndStore(int32_t layer, int64_t i, int32_t head_begin,
                                 int32_t head_end) {
  const ModelConfig& config = *parts_.config;
  const int32_t head_dim = config.head_dim;
  const int32_t half = head_dim / 2;
  const int32_t group = config.heads / config.kv_heads;
  const int32_t count = head_end - head_begin;
  const Row& row = rows_[i];
  float* query = qkv_.row(i);
  float* key = query + config.query_size() + int64_t{head_begin} * head_dim;
  const float* value = key + config.kv_size();
  parts_.kernels.rope(query + int64_t{head_begin} * group * head_dim,
                      count * group, half, cosine_.row(i), sine_.row(i));
  parts_.kernels.rope(key, count, half, cosine_.row(i), sine_.row(i));
  for (int32_t head = 0; head < count; ++head) {
    parts_.kernels.kv_write(
        parts_.kv_pool->View(layer, head_begin + head, row.block_table),
        row.position, key + int64_t{head} * head_dim,
        value + int64_t{head} * head_dim);
  }
}

void ForwardPass::RotateAndStore(Worker& worker, int32_t layer) {
  worker.For(row_count(), RowGrain(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      RotateAndStore(layer, i, 0, parts_.config->kv_heads);
    }
  });
}

void ForwardPass::Attend(Worker& worker, int32_t layer) {
  const ModelConfig& config = *parts_.config;
  const int32_t group = config.heads / config.kv_heads;
  const float scale =
      static_cast<float>(1.0 / std::sqrt(static_cast<double>(config.head_dim)));
  const auto body = [&](int64_t index, int64_t) {
    const AttentionTask& task = tasks_[index];
    const PassSequence& sequence = sequences_[task.sequence];
    const int64_t first_row = first_rows_[task.sequence];
    if (tasks_own_heads_) {
      RotateAndStore(layer, first_row, task.kv_head, task.kv_head + 1);
    }
    const int64_t offset = int64_t{task.kv_head} * group * config.head_dim;
    kernels::AttentionCall call;
    call.kv = parts_.kv_pool->View(layer, task.kv_head, sequence.block_table);
    call.q = qkv_.row(first_row) + offset;
    call.q_stride = qkv_.stride;
    call.group = group;
    call.first_position = sequence.first_position;
    call.scale = scale;
    call.out = attended_.row(first_row) + offset;
    call.out_stride = attended_.stride;
    parts_.kernels.attention(call, task.vector_begin, task.vector_end);
  };
  worker.For(static_cast<int64_t>(tasks_.size()), 1, body);
}

void ForwardPass::Head(Worker& worker) {
  const PackedMatrix& head = parts_.weights->head();
  const Operand operand =
      Norm(worker, parts_.weights->final_norm, head, &wanted_rows_);
  Multiply(worker, head, operand,
           {logits_, parts_.config->vocabulary_size, nullptr, false});
}

}  // namespace sluice::generator
