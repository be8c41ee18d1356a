#include "services/generator/torch/reference/decoder_weights.h"

#include <ATen/Functions.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/safetensors.h"
#include "services/generator/kernels/thread_pool.h"
#include "services/generator/weights/tensor_check.h"
#include "services/generator/weights/tensor_hash.h"
#include "services/generator/weights/tensor_reader.h"

namespace sluice::generator::reference {
namespace {

constexpr char kHead[] = "lm_head.weight";

absl::Status BadTensor(const std::string& name, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("tensor ", name, ": ", what));
}

// Takes tensors out of a reader and remembers which.
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
    const bool own_head = !config_.tied_head && reader_.Find(kHead) != nullptr;
    weights_.head = weights_.embedding;
    if (own_head) {
      ASSIGN_OR_RETURN(weights_.head, Take(kHead, table));
    }
    // All that was taken is right; what is left over is the question.
    return CheckTensors(reader_, taken_, {kHead});
  }

  std::vector<const TensorView*> Taken() const {
    std::vector<const TensorView*> tensors;
    for (const TensorRequest& tensor : taken_) {
      tensors.push_back(reader_.Find(tensor.name));
    }
    return tensors;
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
    if (!IsWeightType(view->type)) {
      return BadTensor(name,
                       absl::StrCat("type: must be F32, BF16 or F16, got ",
                                    std::string(TensorTypeName(view->type))));
    }
    at::Tensor weight = at::empty(shape, at::kFloat);
    if (!ReadFloats(*view, 0, view->elements(), weight.data_ptr<float>())) {
      return BadTensor(name, "holds a NaN or an infinity");
    }
    weights_.parameters += view->elements();
    taken_.push_back({name, shape});
    return weight;
  }

  const SafetensorsReader& reader_;
  const ModelConfig& config_;
  DecoderWeights& weights_;
  std::vector<TensorRequest> taken_;
};

// A tensor is one thread's: the others may wait for the largest.
std::string HashOf(const std::vector<const TensorView*>& tensors, int threads) {
  TensorHasher hasher(tensors);
  kernels::ThreadPool pool({threads});
  pool.Run([&](kernels::ThreadPool::Worker& worker) {
    worker.For(static_cast<int64_t>(tensors.size()), 1,
               [&](int64_t i, int64_t) {
                 const TensorView& tensor = *tensors[i];
                 for (int64_t piece = 0;
                      piece < TensorHasher::PieceCount(tensor); ++piece) {
                   hasher.HashPiece(tensor, piece);
                 }
               });
  });
  return hasher.Finish();
}

}  // namespace

absl::StatusOr<DecoderWeights> LoadDecoderWeights(const std::string& directory,
                                                  const ModelConfig& config,
                                                  int threads) {
  ASSIGN_OR_RETURN(const std::unique_ptr<SafetensorsReader> reader,
                   SafetensorsReader::OpenDirectory(directory));
  DecoderWeights weights;
  Loader loader(*reader, config, weights);
  RETURN_IF_ERROR(loader.LoadAll());
  weights.hash = HashOf(loader.Taken(), threads);
  return weights;
}

}  // namespace sluice::generator::reference
