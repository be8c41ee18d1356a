#include "services/generator/models/decoder_weights.h"

#include <bit>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/sha256.h"
#include "common/base/status_macros.h"
#include "services/generator/weights/tensor_hash.h"

namespace sluice::generator {
namespace {

constexpr char kEmbedding[] = "model.embed_tokens.weight";
constexpr char kFinalNorm[] = "model.norm.weight";
constexpr char kHead[] = "lm_head.weight";

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

// What changes the result without being a tensor.
std::string ConfigText(const ModelConfig& config, bool tied) {
  return absl::StrCat(config.architecture, " heads ", config.heads, " kv ",
                      config.kv_heads, " dim ", config.head_dim, " theta ",
                      absl::Hex(std::bit_cast<uint64_t>(config.rope_theta)),
                      " eps ",
                      absl::Hex(std::bit_cast<uint64_t>(config.rms_norm_eps)),
                      " tied ", tied ? 1 : 0, "\n");
}

class Loader {
 public:
  Loader(const SafetensorsReader& reader, kernels::ThreadPool& pool,
         const WeightObserver& observer, int64_t total_bytes)
      : reader_(reader),
        pool_(pool),
        observer_(observer),
        total_bytes_(total_bytes) {}

  absl::StatusOr<PackedMatrix> Matrix(
      const std::vector<std::string>& names,
      const std::optional<QuantFormat>& format) {
    const auto parts = Find(names);
    ASSIGN_OR_RETURN(PackedMatrix matrix,
                     format.has_value()
                         ? PackedMatrix::Quantize(parts, *format, pool_)
                         : PackedMatrix::Pack(parts, pool_));
    formats_.insert(matrix.format_name());
    bytes_ += matrix.bytes();
    Done(parts);
    return matrix;
  }

  absl::StatusOr<std::vector<float>> Vector(
      const std::vector<std::string>& names) {
    const auto parts = Find(names);
    ASSIGN_OR_RETURN(std::vector<float> values, ReadVector(parts));
    bytes_ += static_cast<int64_t>(values.size() * sizeof(float));
    Done(parts);
    return values;
  }

  int64_t bytes() const { return bytes_; }
  int64_t parameters() const { return parameters_; }
  // Of what was not quantised.
  std::string exact_format() const {
    return formats_.size() > 1 ? "mixed" : *formats_.begin();
  }

 private:
  std::vector<const TensorView*> Find(const std::vector<std::string>& names) {
    std::vector<const TensorView*> parts;
    for (const std::string& name : names) parts.push_back(reader_.Find(name));
    return parts;
  }

  void Done(const std::vector<const TensorView*>& parts) {
    for (const TensorView* part : parts) {
      done_bytes_ += static_cast<int64_t>(part->bytes.size());
      parameters_ += part->elements();
      reader_.DropPages(*part);
    }
    if (observer_.progress) observer_.progress(done_bytes_, total_bytes_);
  }

  const SafetensorsReader& reader_;
  kernels::ThreadPool& pool_;
  const WeightObserver& observer_;
  int64_t total_bytes_;
  int64_t done_bytes_ = 0;
  int64_t bytes_ = 0;
  int64_t parameters_ = 0;
  std::set<std::string> formats_;
};

absl::StatusOr<LayerWeights> LoadLayer(const ModelConfig& config, int32_t layer,
                                       const std::optional<QuantFormat>& format,
                                       Loader& loader) {
  const auto name = [&](absl::string_view rest) {
    return LayerName(layer, rest);
  };
  LayerWeights weights;
  ASSIGN_OR_RETURN(weights.input_norm,
                   loader.Vector({name("input_layernorm.weight")}));
  ASSIGN_OR_RETURN(weights.qkv, loader.Matrix({name("self_attn.q_proj.weight"),
                                               name("self_attn.k_proj.weight"),
                                               name("self_attn.v_proj.weight")},
                                              format));
  if (config.qkv_bias) {
    ASSIGN_OR_RETURN(weights.qkv_bias,
                     loader.Vector({name("self_attn.q_proj.bias"),
                                    name("self_attn.k_proj.bias"),
                                    name("self_attn.v_proj.bias")}));
  }
  ASSIGN_OR_RETURN(weights.output,
                   loader.Matrix({name("self_attn.o_proj.weight")}, format));
  if (config.output_bias) {
    ASSIGN_OR_RETURN(weights.output_bias,
                     loader.Vector({name("self_attn.o_proj.bias")}));
  }
  ASSIGN_OR_RETURN(weights.post_norm,
                   loader.Vector({name("post_attention_layernorm.weight")}));
  ASSIGN_OR_RETURN(weights.gate_up, loader.Matrix({name("mlp.gate_proj.weight"),
                                                   name("mlp.up_proj.weight")},
                                                  format));
  ASSIGN_OR_RETURN(weights.down,
                   loader.Matrix({name("mlp.down_proj.weight")}, format));
  return weights;
}

std::string FormatName(const DecoderFormats& formats,
                       const std::string& exact_format) {
  if (formats.layers == formats.head) {
    return formats.layers ? QuantFormatName(*formats.layers) : exact_format;
  }
  const auto name = [](const std::optional<QuantFormat>& format) {
    return format ? QuantFormatName(*format) : std::string("exact");
  };
  return absl::StrCat(name(formats.layers), "-", name(formats.head));
}

// Whether the head is the embedding.
bool DecideTied(const ModelConfig& config, const SafetensorsReader& reader,
                const WeightObserver& observer) {
  if (config.tied_head) return true;
  if (reader.Find(kHead) != nullptr) return false;
  if (observer.warning) {
    observer.warning(
        "model weights: lm_head.weight is missing though tie_word_embeddings "
        "is false; the embedding stands in");
  }
  return true;
}

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
  if (!tied) requests.push_back({kHead, table});
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

int64_t PackedBytes(const ModelConfig& config, bool tied,
                    const SafetensorsReader& reader,
                    const DecoderFormats& formats) {
  int64_t bytes = 0;
  for (const TensorRequest& request : DecoderTensors(config, tied)) {
    const TensorView& tensor = *reader.Find(request.name);
    const bool in_layer = absl::StrContains(request.name, ".layers.");
    const auto& format = in_layer ? formats.layers : formats.head;
    if (request.shape.size() == 2 && format.has_value()) {
      bytes +=
          QuantBytes(QuantShape(*format, static_cast<int32_t>(request.shape[0]),
                                static_cast<int32_t>(request.shape[1])));
    } else {
      const bool bf16 =
          request.shape.size() == 2 && tensor.type == TensorType::kBF16;
      bytes += tensor.elements() * (bf16 ? 2 : 4);
    }
  }
  return bytes;
}

absl::StatusOr<DecoderWeights> LoadDecoderWeights(
    const ModelConfig& config, const SafetensorsReader& reader,
    const WeightLimits& limits, kernels::ThreadPool& pool,
    const WeightObserver& observer) {
  const DecoderFormats& formats = limits.formats;
  const bool tied = DecideTied(config, reader, observer);
  const std::vector<TensorRequest> requests = DecoderTensors(config, tied);
  RETURN_IF_ERROR(CheckTensors(reader, requests, {std::string(kHead)}));
  const int64_t packed = PackedBytes(config, tied, reader, formats);
  if (packed > limits.memory_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "memory: too little for the weights, got ", limits.memory_bytes,
        " bytes, needed ", packed, "; --quantize makes them smaller"));
  }
  int64_t total = 0;
  std::vector<std::string> names;
  for (const TensorRequest& request : requests) {
    total += static_cast<int64_t>(reader.Find(request.name)->bytes.size());
    names.push_back(request.name);
  }
  DecoderWeights weights;
  weights.hash = Sha256Hex(ConfigText(config, tied) +
                           HashTensors(reader, std::move(names), pool));
  Loader loader(reader, pool, observer, total);
  ASSIGN_OR_RETURN(weights.embedding,
                   loader.Matrix({kEmbedding}, formats.head));
  for (int32_t layer = 0; layer < config.layers; ++layer) {
    ASSIGN_OR_RETURN(LayerWeights one,
                     LoadLayer(config, layer, formats.layers, loader));
    weights.layers.push_back(std::move(one));
  }
  ASSIGN_OR_RETURN(weights.final_norm, loader.Vector({kFinalNorm}));
  if (!tied) {
    ASSIGN_OR_RETURN(weights.untied_head, loader.Matrix({kHead}, formats.head));
  }
  weights.parameters = loader.parameters();
  weights.bytes = loader.bytes();
  weights.format = FormatName(formats, loader.exact_format());
  return weights;
}

}  // namespace sluice::generator
