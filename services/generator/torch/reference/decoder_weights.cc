#include "services/generator/torch/reference/decoder_weights.h"

#include <ATen/Functions.h>

#include <cstring>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/safetensors.h"

namespace sluice::generator {
namespace {

absl::Status BadTensor(const std::string& name, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("tensor ", name, ": ", what));
}

absl::StatusOr<at::ScalarType> ScalarTypeOf(const TensorView& view) {
  switch (view.type) {
    case TensorType::kF32:
      return at::kFloat;
    case TensorType::kF16:
      return at::kHalf;
    case TensorType::kBF16:
      return at::kBFloat16;
    default:
      return BadTensor(
          view.name,
          absl::StrCat("type: got ", std::string(TensorTypeName(view.type)),
                       ", known are F32, F16 and BF16"));
  }
}

// FNV-1a, eight bytes at a time.
uint64_t Hash(const void* bytes, size_t size, uint64_t hash) {
  constexpr uint64_t kPrime = 0x100000001b3ull;
  const uint8_t* from = static_cast<const uint8_t*>(bytes);
  for (; size >= 8; size -= 8, from += 8) {
    uint64_t word;
    std::memcpy(&word, from, 8);
    hash = (hash ^ word) * kPrime;
    hash ^= hash >> 32;
  }
  for (; size > 0; --size, ++from) hash = (hash ^ *from) * kPrime;
  return hash;
}

// Takes tensors out of a reader and keeps the sums.
class Loader {
 public:
  Loader(const SafetensorsReader& reader, const ModelConfig& config,
         DecoderWeights& weights)
      : reader_(reader), config_(config), weights_(weights) {}

  absl::Status LoadAll() {
    const int64_t hidden = config_.hidden_size;
    const std::vector<int64_t> table = {config_.vocabulary_size, hidden};
    ASSIGN_OR_RETURN(weights_.embedding,
                     Take("model.embed_tokens.weight", table));
    for (int32_t layer = 0; layer < config_.layers; ++layer) {
      weights_.layers.emplace_back();
      RETURN_IF_ERROR(LoadLayer(absl::StrCat("model.layers.", layer, "."),
                                weights_.layers.back()));
    }
    ASSIGN_OR_RETURN(weights_.final_norm, Take("model.norm.weight", {hidden}));
    // Some files drop the head although the config does not say "tied".
    const bool own_head =
        !config_.tied_head && reader_.Find("lm_head.weight") != nullptr;
    weights_.head = weights_.embedding;
    if (own_head) {
      ASSIGN_OR_RETURN(weights_.head, Take("lm_head.weight", table));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status LoadLayer(const std::string& prefix, LayerWeights& layer) {
    const int64_t hidden = config_.hidden_size;
    const int64_t ffn = config_.ffn_size;
    const int64_t query = config_.query_size();
    const int64_t kv = config_.kv_size();
    const bool bias = config_.qkv_bias;
    const std::string attention = prefix + "self_attn.";
    const std::string mlp = prefix + "mlp.";
    ASSIGN_OR_RETURN(layer.attention_norm,
                     Take(prefix + "input_layernorm.weight", {hidden}));
    ASSIGN_OR_RETURN(layer.query,
                     Take(attention + "q_proj", query, hidden, bias));
    ASSIGN_OR_RETURN(layer.key, Take(attention + "k_proj", kv, hidden, bias));
    ASSIGN_OR_RETURN(layer.value, Take(attention + "v_proj", kv, hidden, bias));
    ASSIGN_OR_RETURN(layer.output, Take(attention + "o_proj", hidden, query,
                                        config_.output_bias));
    ASSIGN_OR_RETURN(
        layer.mlp_norm,
        Take(prefix + "post_attention_layernorm.weight", {hidden}));
    ASSIGN_OR_RETURN(layer.gate, Take(mlp + "gate_proj", ffn, hidden, false));
    ASSIGN_OR_RETURN(layer.up, Take(mlp + "up_proj", ffn, hidden, false));
    ASSIGN_OR_RETURN(layer.down, Take(mlp + "down_proj", hidden, ffn, false));
    return absl::OkStatus();
  }

  absl::StatusOr<Projection> Take(const std::string& name, int64_t rows,
                                  int64_t columns, bool bias) {
    Projection projection;
    ASSIGN_OR_RETURN(projection.weight,
                     Take(name + ".weight", {rows, columns}));
    if (bias) {
      ASSIGN_OR_RETURN(projection.bias, Take(name + ".bias", {rows}));
    }
    return projection;
  }

  absl::StatusOr<at::Tensor> Take(const std::string& name,
                                  const std::vector<int64_t>& shape) {
    const TensorView* view = reader_.Find(name);
    if (view == nullptr) return BadTensor(name, "missing");
    if (view->shape != shape) {
      return BadTensor(
          name, absl::StrCat("shape: got ", ShapeToString(view->shape),
                             ", config.json wants ", ShapeToString(shape)));
    }
    ASSIGN_OR_RETURN(const at::ScalarType type, ScalarTypeOf(*view));
    // Copied, because a mapped tensor may stand at an odd address.
    at::Tensor stored = at::empty(shape, type);
    std::memcpy(stored.data_ptr(), view->bytes.data(), view->bytes.size());
    weights_.parameters += view->elements();
    weights_.hash = Hash(name.data(), name.size(), weights_.hash);
    weights_.hash =
        Hash(shape.data(), shape.size() * sizeof(int64_t), weights_.hash);
    weights_.hash = Hash(view->bytes.data(), view->bytes.size(), weights_.hash);
    reader_.DropPages(*view);
    return stored.to(at::kFloat);
  }

  const SafetensorsReader& reader_;
  const ModelConfig& config_;
  DecoderWeights& weights_;
};

}  // namespace

absl::StatusOr<DecoderWeights> LoadDecoderWeights(const std::string& directory,
                                                  const ModelConfig& config) {
  ASSIGN_OR_RETURN(const std::unique_ptr<SafetensorsReader> reader,
                   SafetensorsReader::OpenDirectory(directory));
  DecoderWeights weights;
  weights.hash = 0xcbf29ce484222325ull;
  Loader loader(*reader, config, weights);
  RETURN_IF_ERROR(loader.LoadAll());
  return weights;
}

}  // namespace sluice::generator
