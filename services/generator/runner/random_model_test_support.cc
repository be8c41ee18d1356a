#include "services/generator/runner/random_model_test_support.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <random>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "services/generator/kernels/bf16.h"
#include "services/generator/kernels/embedding.h"
#include "services/generator/kernels/thread_pool.h"
#include "services/generator/models/decoder_weights.h"
#include "services/generator/weights/packed_matrix.h"
#include "services/generator/weights/tensor_reader.h"

namespace sluice::generator {
namespace {

std::string ConfigJson(const RandomModel& model) {
  return absl::StrCat(
      "{\"architectures\": [\"", model.architecture, "\"],",
      "\"vocab_size\": ", model.vocabulary_size,
      ", \"hidden_size\": ", model.hidden_size,
      ", \"intermediate_size\": ", model.ffn_size,
      ", \"num_hidden_layers\": ", model.layers,
      ", \"num_attention_heads\": ", model.heads,
      ", \"num_key_value_heads\": ", model.kv_heads,
      ", \"head_dim\": ", model.head_dim,
      ", \"max_position_embeddings\": 1024, \"rms_norm_eps\": 1e-6",
      ", \"rope_theta\": 10000.0, \"tie_word_embeddings\": ",
      model.tied ? "true" : "false",
      ", \"attention_bias\": ", model.attention_bias ? "true" : "false",
      ", \"eos_token_id\": 0}");
}

// Weights of a size that keeps activations near one.
std::vector<uint8_t> RandomBytes(const TensorRequest& request, TensorType type,
                                 std::mt19937& random) {
  int64_t count = 1;
  for (int64_t dimension : request.shape) count *= dimension;
  const bool norm = request.shape.size() == 1 &&
                    request.name.find("norm") != std::string::npos;
  const double spread =
      norm ? 0.1 : 1.0 / std::sqrt(static_cast<double>(request.shape.back()));
  std::normal_distribution<float> normal(norm ? 1.0f : 0.0f,
                                         static_cast<float>(spread));
  std::vector<uint8_t> bytes(count * TensorTypeBytes(type));
  for (int64_t i = 0; i < count; ++i) {
    const float value = normal(random);
    if (type == TensorType::kF32) {
      std::memcpy(bytes.data() + i * 4, &value, 4);
    } else {
      const uint16_t half = kernels::FloatToBf16(value);
      std::memcpy(bytes.data() + i * 2, &half, 2);
    }
  }
  return bytes;
}

using Vector = std::vector<double>;

// The model in doubles, straight from the formulas of the papers.
class NaiveDecoder {
 public:
  NaiveDecoder(const std::string& directory, const NaiveOptions& options)
      : options_(options) {
    auto config = ReadModelConfig(directory);
    SLUICE_CHECK(config.ok(), "config of a random model");
    config_ = *config;
    auto reader = SafetensorsReader::OpenDirectory(directory);
    SLUICE_CHECK(reader.ok(), "weights of a random model");
    for (const TensorView& tensor : (*reader)->tensors()) {
      std::vector<float> floats(tensor.elements());
      SLUICE_CHECK(ReadFloats(tensor, 0, tensor.elements(), floats.data()),
                   "finite weights");
      if (tensor.shape.size() == 2) Round(tensor, floats);
      tensors_[tensor.name] = Vector(floats.begin(), floats.end());
    }
  }

  std::vector<Vector> Logits(const std::vector<int32_t>& ids) {
    const int32_t hidden = config_.hidden_size;
    const Vector& table = tensors_.at("model.embed_tokens.weight");
    std::vector<Vector> x;
    for (int32_t id : ids) {
      x.emplace_back(table.begin() + id * hidden,
                     table.begin() + (id + 1) * hidden);
    }
    for (int32_t layer = 0; layer < config_.layers; ++layer) {
      prefix_ = absl::StrCat("model.layers.", layer, ".");
      Attention(x);
      FeedForward(x);
    }
    const Vector& head =
        config_.tied_head ? table : tensors_.at("lm_head.weight");
    std::vector<Vector> logits;
    for (const Vector& row : x) {
      logits.push_back(
          Multiply(head, Norm(row, tensors_.at("model.norm.weight"))));
    }
    return logits;
  }

 private:
  // Weights as their format stores them.
  void Round(const TensorView& tensor, std::vector<float>& values) const {
    const bool is_layer = tensor.name.find("layers") != std::string::npos;
    const auto& format =
        is_layer ? options_.formats.layers : options_.formats.head;
    if (!format.has_value()) return;
    kernels::ThreadPool pool({.threads = 1});
    auto matrix = PackedMatrix::Quantize({&tensor}, *format, pool);
    SLUICE_CHECK(matrix.ok(), "a random matrix is quantised");
    const int64_t columns = tensor.shape[1];
    for (int64_t row = 0; row < tensor.shape[0]; ++row) {
      kernels::EmbeddingLookup(matrix->quant_view(), static_cast<int32_t>(row),
                               values.data() + row * columns);
    }
  }

  // Activations as a quantised matrix meets them.
  Vector RoundActivations(Vector x) const {
    if (!options_.formats.layers.has_value()) return x;
    constexpr size_t kBlock = kernels::kActivationBlock;
    for (size_t begin = 0; begin < x.size(); begin += kBlock) {
      RoundToSteps(x.data() + begin, std::min(kBlock, x.size() - begin));
    }
    return x;
  }

  // To multiples of 1/127 of the largest.
  static void RoundToSteps(double* x, size_t count) {
    double largest = 0;
    for (size_t i = 0; i < count; ++i) {
      largest = std::max(largest, std::abs(x[i]));
    }
    const double step = largest / 127;
    for (size_t i = 0; i < count && step > 0; ++i) {
      x[i] = std::nearbyint(x[i] / step) * step;
    }
  }

  const Vector& Weight(absl::string_view name) const {
    return tensors_.at(absl::StrCat(prefix_, name));
  }

  Vector Multiply(const Vector& matrix, const Vector& exact) const {
    const Vector x = RoundActivations(exact);
    Vector out(matrix.size() / x.size());
    for (size_t row = 0; row < out.size(); ++row) {
      for (size_t k = 0; k < x.size(); ++k) {
        out[row] += matrix[row * x.size() + k] * x[k];
      }
    }
    return out;
  }

  Vector Project(absl::string_view name, const Vector& x) const {
    Vector out = Multiply(Weight(absl::StrCat(name, ".weight")), x);
    const auto bias = tensors_.find(absl::StrCat(prefix_, name, ".bias"));
    for (size_t i = 0; bias != tensors_.end() && i < out.size(); ++i) {
      out[i] += bias->second[i];
    }
    return out;
  }

  Vector Norm(const Vector& x, const Vector& weight) const {
    double sum = 0;
    for (double value : x) sum += value * value;
    const double root =
        std::sqrt(sum / static_cast<double>(x.size()) + config_.rms_norm_eps);
    Vector out(x.size());
    for (size_t i = 0; i < x.size(); ++i) out[i] = x[i] / root * weight[i];
    return out;
  }

  void Rotate(Vector& x, int32_t heads, size_t position) const {
    const int32_t half = config_.head_dim / 2;
    for (int32_t head = 0; head < heads; ++head) {
      for (int32_t i = 0; i < half; ++i) {
        const double angle =
            static_cast<double>(position) *
            std::pow(config_.rope_theta, -static_cast<double>(i) / half);
        double& a = x[head * 2 * half + i];
        double& b = x[head * 2 * half + half + i];
        const double old_a = a;
        a = a * std::cos(angle) - b * std::sin(angle);
        b = b * std::cos(angle) + old_a * std::sin(angle);
      }
    }
  }

  // Keys or values of all heads as the cache holds them.
  void Store(Vector& values) const {
    if (options_.kv_format == "f32") return;
    if (options_.kv_format == "bf16") {
      for (double& value : values) {
        value = kernels::Bf16ToFloat(
            kernels::FloatToBf16(static_cast<float>(value)));
      }
      return;
    }
    for (size_t head = 0; head < values.size(); head += config_.head_dim) {
      RoundToSteps(values.data() + head, config_.head_dim);
    }
  }

  void Attention(std::vector<Vector>& x) {
    std::vector<Vector> keys, values;
    for (size_t p = 0; p < x.size(); ++p) {
      const Vector normed = Norm(x[p], Weight("input_layernorm.weight"));
      Vector q = Project("self_attn.q_proj", normed);
      Vector k = Project("self_attn.k_proj", normed);
      Vector v = Project("self_attn.v_proj", normed);
      Rotate(q, config_.heads, p);
      Rotate(k, config_.kv_heads, p);
      Store(k);
      Store(v);
      keys.push_back(k);
      values.push_back(v);
      const Vector out = Project("self_attn.o_proj", Mix(q, keys, values));
      for (size_t i = 0; i < out.size(); ++i) x[p][i] += out[i];
    }
  }

  Vector Mix(const Vector& q, const std::vector<Vector>& keys,
             const std::vector<Vector>& values) const {
    const int32_t dim = config_.head_dim;
    Vector out(q.size());
    for (int32_t head = 0; head < config_.heads; ++head) {
      const int32_t kv = head / (config_.heads / config_.kv_heads);
      Vector weights(keys.size());
      double sum = 0;
      for (size_t p = 0; p < keys.size(); ++p) {
        double score = 0;
        for (int32_t d = 0; d < dim; ++d) {
          score += q[head * dim + d] * keys[p][kv * dim + d];
        }
        weights[p] = std::exp(score / std::sqrt(static_cast<double>(dim)));
        sum += weights[p];
      }
      for (size_t p = 0; p < keys.size(); ++p) {
        for (int32_t d = 0; d < dim; ++d) {
          out[head * dim + d] += weights[p] / sum * values[p][kv * dim + d];
        }
      }
    }
    return out;
  }

  void FeedForward(std::vector<Vector>& x) {
    for (Vector& row : x) {
      const Vector normed =
          Norm(row, Weight("post_attention_layernorm.weight"));
      Vector gate = Project("mlp.gate_proj", normed);
      const Vector up = Project("mlp.up_proj", normed);
      for (size_t i = 0; i < gate.size(); ++i) {
        gate[i] = gate[i] / (1.0 + std::exp(-gate[i])) * up[i];
      }
      const Vector out = Project("mlp.down_proj", gate);
      for (size_t i = 0; i < row.size(); ++i) row[i] += out[i];
    }
  }

  NaiveOptions options_;
  ModelConfig config_;
  std::map<std::string, Vector> tensors_;
  std::string prefix_;
};

}  // namespace

void WriteRandomModel(const RandomModel& model, const std::string& directory) {
  const std::string json = ConfigJson(model);
  std::ofstream(directory + "/config.json") << json;
  auto config = ParseModelConfig(json, "");
  SLUICE_CHECK(config.ok(), "config of a random model");
  const auto requests = DecoderTensors(*config, model.tied);
  std::vector<TensorSpec> specs;
  for (const TensorRequest& request : requests) {
    specs.push_back({request.name, model.type, request.shape});
  }
  auto writer =
      SafetensorsWriter::Create(directory + "/model.safetensors", specs);
  SLUICE_CHECK(writer.ok(), "a random model is written");
  std::mt19937 random(model.seed);
  for (const TensorRequest& request : requests) {
    SLUICE_CHECK(
        (*writer)->Append(RandomBytes(request, model.type, random)).ok(),
        "a random tensor is written");
  }
  SLUICE_CHECK((*writer)->Finish().ok(), "a random model is finished");
}

std::vector<std::vector<double>> NaiveLogits(const std::string& directory,
                                             const std::vector<int32_t>& ids,
                                             const NaiveOptions& options) {
  return NaiveDecoder(directory, options).Logits(ids);
}

}  // namespace sluice::generator
