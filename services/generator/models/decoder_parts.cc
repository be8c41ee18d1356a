#include "services/generator/models/decoder_parts.h"

#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::generator {
namespace {

constexpr char kEmbedding[] = "model.embed_tokens.weight";
constexpr char kFinalNorm[] = "model.norm.weight";

std::string LayerName(int32_t layer, absl::string_view rest) {
  return absl::StrCat("model.layers.", layer, ".", rest);
}

void AddLayerTensors(const ModelConfig& config, int32_t layer,
                     std::vector<TensorRequest>& requests) {
  const int64_t hidden = config.hidden_size;
  const int64_t query = config.query_size();
  const int64_t kv = config.kv_size();
  const int64_t ffn = config.ffn_size;
  const auto add = [&](absl::string_view rest, std::vector<int64_t> shape) {
    requests.push_back({LayerName(layer, rest), std::move(shape)});
  };
  add("input_layernorm.weight", {hidden});
  add("self_attn.q_proj.weight", {query, hidden});
  add("self_attn.k_proj.weight", {kv, hidden});
  add("self_attn.v_proj.weight", {kv, hidden});
  if (config.qkv_bias) {
    add("self_attn.q_proj.bias", {query});
    add("self_attn.k_proj.bias", {kv});
    add("self_attn.v_proj.bias", {kv});
  }
  add("self_attn.o_proj.weight", {hidden, query});
  if (config.output_bias) add("self_attn.o_proj.bias", {hidden});
  add("post_attention_layernorm.weight", {hidden});
  add("mlp.gate_proj.weight", {ffn, hidden});
  add("mlp.up_proj.weight", {ffn, hidden});
  add("mlp.down_proj.weight", {hidden, ffn});
}

// Every part begins on a line of the cache, as the kernels want it.
constexpr int64_t kAlignment = 64;

class Planner {
 public:
  Planner(const ModelConfig& config, const SafetensorsReader& reader,
          DecoderPlan& plan)
      : config_(config), reader_(reader), plan_(plan) {}

  void Matrix(PackedMatrix& matrix, const std::vector<std::string>& names,
              const std::optional<QuantFormat>& format) {
    DecoderPart part;
    part.matrix = &matrix;
    part.tensors = Find(names);
    part.layout = LayoutOf(part.tensors, format);
    part.bytes = part.layout.bytes();
    Add(std::move(part));
  }

  void Vector(std::vector<float>& vector,
              const std::vector<std::string>& names) {
    DecoderPart part;
    part.vector = &vector;
    part.tensors = Find(names);
    for (const TensorView* tensor : part.tensors) {
      part.bytes += tensor->elements() * static_cast<int64_t>(sizeof(float));
    }
    Add(std::move(part));
  }

  void Layer(LayerWeights& weights, int32_t layer,
             const std::optional<QuantFormat>& format) {
    const auto name = [&](absl::string_view rest) {
      return LayerName(layer, rest);
    };
    Vector(weights.input_norm, {name("input_layernorm.weight")});
    Matrix(weights.qkv,
           {name("self_attn.q_proj.weight"), name("self_attn.k_proj.weight"),
            name("self_attn.v_proj.weight")},
           format);
    if (config_.qkv_bias) {
      Vector(weights.qkv_bias,
             {name("self_attn.q_proj.bias"), name("self_attn.k_proj.bias"),
              name("self_attn.v_proj.bias")});
    }
    Matrix(weights.output, {name("self_attn.o_proj.weight")}, format);
    if (config_.output_bias) {
      Vector(weights.output_bias, {name("self_attn.o_proj.bias")});
    }
    Vector(weights.post_norm, {name("post_attention_layernorm.weight")});
    Matrix(weights.gate_up,
           {name("mlp.gate_proj.weight"), name("mlp.up_proj.weight")}, format);
    Matrix(weights.down, {name("mlp.down_proj.weight")}, format);
  }

 private:
  std::vector<const TensorView*> Find(const std::vector<std::string>& names) {
    std::vector<const TensorView*> parts;
    for (const std::string& name : names) parts.push_back(reader_.Find(name));
    return parts;
  }

  void Add(DecoderPart part) {
    part.offset = (plan_.bytes + kAlignment - 1) / kAlignment * kAlignment;
    plan_.bytes = part.offset + part.bytes;
    for (const TensorView* tensor : part.tensors) {
      plan_.tensor_bytes += static_cast<int64_t>(tensor->bytes.size());
      plan_.parameters += tensor->elements();
    }
    plan_.parts.push_back(std::move(part));
  }

  const ModelConfig& config_;
  const SafetensorsReader& reader_;
  DecoderPlan& plan_;
};

}  // namespace

std::vector<TensorRequest> DecoderTensors(const ModelConfig& config,
                                          bool tied) {
  const std::vector<int64_t> table = {config.vocabulary_size,
                                      config.hidden_size};
  std::vector<TensorRequest> requests = {{kEmbedding, table}};
  for (int32_t layer = 0; layer < config.layers; ++layer) {
    AddLayerTensors(config, layer, requests);
  }
  requests.push_back({kFinalNorm, {config.hidden_size}});
  if (!tied) requests.push_back({kHeadTensor, table});
  return requests;
}

int64_t CountParameters(const ModelConfig& config) {
  int64_t count = 0;
  for (const TensorRequest& request :
       DecoderTensors(config, config.tied_head)) {
    int64_t elements = 1;
    for (const int64_t dimension : request.shape) elements *= dimension;
    count += elements;
  }
  return count;
}

DecoderPlan PlanDecoder(const ModelConfig& config, bool tied,
                        const SafetensorsReader& reader,
                        const DecoderFormats& formats,
                        DecoderWeights& weights) {
  DecoderPlan plan;
  Planner planner(config, reader, plan);
  planner.Matrix(weights.embedding, {kEmbedding}, formats.head);
  weights.layers.resize(config.layers);
  for (int32_t layer = 0; layer < config.layers; ++layer) {
    planner.Layer(weights.layers[layer], layer, formats.layers);
  }
  planner.Vector(weights.final_norm, {kFinalNorm});
  if (!tied) planner.Matrix(weights.untied_head, {kHeadTensor}, formats.head);
  return plan;
}

void Bind(const DecoderPart& part, const uint8_t* memory) {
  const uint8_t* bytes = memory + part.offset;
  if (part.matrix != nullptr) {
    *part.matrix = PackedMatrix(part.layout, bytes);
    return;
  }
  part.vector->resize(static_cast<size_t>(part.bytes) / sizeof(float));
  std::memcpy(part.vector->data(), bytes, static_cast<size_t>(part.bytes));
}

}  // namespace sluice::generator
