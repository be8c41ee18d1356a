#include "services/generator/torch/trainer/model.h"

#include <cmath>
#include <limits>

namespace sluice::generator {
namespace {

// x [..., n] float32, weight [n]. One pass forward and one backward over the
// rows; the composed operators would make six.
class RmsNorm : public torch::autograd::Function<RmsNorm> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context,
                               const torch::Tensor& x,
                               const torch::Tensor& weight, double eps) {
    const torch::Tensor scale =
        x.square().mean({-1}, /*keepdim=*/true).add_(eps).rsqrt_();
    const torch::Tensor normal = x * scale;
    context->save_for_backward({normal, scale, weight});
    return normal * weight;
  }

  static torch::autograd::variable_list backward(
      torch::autograd::AutogradContext* context,
      torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const torch::Tensor& normal = saved[0];
    const torch::Tensor& scale = saved[1];
    const torch::Tensor gradient = gradients[0];
    const int64_t size = normal.size(-1);
    const torch::Tensor to_weight =
        (gradient * normal).reshape({-1, size}).sum(0);
    const torch::Tensor scaled = gradient * saved[2];
    const torch::Tensor along = (scaled * normal).mean({-1}, /*keepdim=*/true);
    const torch::Tensor to_x = scaled.sub_(normal * along).mul_(scale);
    return {to_x, to_weight, torch::Tensor()};
  }
};

torch::Tensor Norm(const torch::Tensor& x, const torch::Tensor& w, double eps) {
  return RmsNorm::apply(x, w, eps);
}

// x [rows, width, heads, head_dim]; cosine and sine [width, 1, head_dim / 2].
torch::Tensor Rotate(const torch::Tensor& x, const torch::Tensor& cosine,
                     const torch::Tensor& sine) {
  const auto halves = x.chunk(2, -1);
  return torch::cat({halves[0] * cosine - halves[1] * sine,
                     halves[1] * cosine + halves[0] * sine},
                    -1);
}

}  // namespace

TrainableModel::TrainableModel(const ModelShape& shape, uint64_t seed,
                               bool bf16)
    : shape_(shape),
      compute_type_(bf16 ? torch::kBFloat16 : torch::kFloat32),
      random_(at::detail::createCPUGenerator(seed)) {
  const double deviation = 0.02;
  const double residual =
      deviation / std::sqrt(2.0 * static_cast<double>(shape.layers));
  const int64_t query = shape.heads * shape.head_dim();
  const int64_t key = shape.kv_heads * shape.head_dim();
  embedding_ = Matrix(shape.vocabulary, shape.hidden, deviation);
  for (int64_t i = 0; i < shape.layers; ++i) {
    Layer layer;
    layer.norm1 = Vector(shape.hidden, 1);
    layer.qkv = Matrix(query + 2 * key, shape.hidden, deviation);
    layer.qkv_bias = Vector(query + 2 * key, 0);
    layer.output = Matrix(shape.hidden, query, residual);
    layer.norm2 = Vector(shape.hidden, 1);
    layer.gate_up = Matrix(2 * shape.ffn, shape.hidden, deviation);
    layer.down = Matrix(shape.hidden, shape.ffn, residual);
    layers_.push_back(layer);
  }
  final_norm_ = Vector(shape.hidden, 1);
}

torch::Tensor TrainableModel::Matrix(int64_t rows, int64_t columns,
                                     double deviation) {
  torch::Tensor matrix = torch::empty({rows, columns});
  matrix.normal_(0, deviation, random_);
  matrix.set_requires_grad(true);
  matrices_.push_back(matrix);
  return matrix;
}

torch::Tensor TrainableModel::Vector(int64_t size, double value) {
  torch::Tensor vector = torch::full({size}, value);
  vector.set_requires_grad(true);
  vectors_.push_back(vector);
  return vector;
}

void TrainableModel::ShareParameters(const TrainableModel& other) {
  for (size_t i = 0; i < matrices_.size(); ++i) {
    matrices_[i].set_data(other.matrices_[i].detach());
  }
  for (size_t i = 0; i < vectors_.size(); ++i) {
    vectors_[i].set_data(other.vectors_[i].detach());
  }
}

torch::Tensor TrainableModel::Linear(const torch::Tensor& x,
                                     const torch::Tensor& w) {
  return at::linear(x.to(compute_type_), w.to(compute_type_));
}

void TrainableModel::PrepareWidth(int64_t width) {
  if (cosine_.defined() && cosine_.size(0) == width) return;
  const int64_t half = shape_.head_dim() / 2;
  const torch::Tensor frequency = torch::pow(
      shape_.rope_theta, torch::arange(half, torch::kFloat64) * (-1.0 / half));
  const torch::Tensor angle =
      torch::outer(torch::arange(width, torch::kFloat64), frequency);
  cosine_ = angle.cos().to(torch::kFloat32).unsqueeze(1);
  sine_ = angle.sin().to(torch::kFloat32).unsqueeze(1);
  const torch::Tensor above =
      torch::full({width, width}, -std::numeric_limits<float>::infinity())
          .triu(1);
  mask_ = above.repeat({shape_.heads / shape_.kv_heads, 1}).to(compute_type_);
}

torch::Tensor TrainableModel::Attention(const Layer& layer,
                                        const torch::Tensor& x) {
  const int64_t rows = x.size(0), width = x.size(1), dim = shape_.head_dim();
  const int64_t groups = shape_.heads / shape_.kv_heads;
  const torch::Tensor qkv =
      (Linear(x, layer.qkv) + layer.qkv_bias)
          .view({rows, width, shape_.heads + 2 * shape_.kv_heads, dim});
  const auto parts = qkv.split_with_sizes(
      {shape_.heads + shape_.kv_heads, shape_.kv_heads}, 2);
  const torch::Tensor rotated =
      Rotate(parts[0], cosine_, sine_).to(compute_type_);
  // The query heads of one key head stand below each other, so that keys and
  // values need no copies: [rows * kv_heads, groups * width, dim].
  const torch::Tensor query =
      rotated.narrow(2, 0, shape_.heads)
          .view({rows, width, shape_.kv_heads, groups, dim})
          .permute({0, 2, 3, 1, 4})
          .reshape({rows * shape_.kv_heads, groups * width, dim});
  const torch::Tensor key = rotated.narrow(2, shape_.heads, shape_.kv_heads)
                                .transpose(1, 2)
                                .reshape({rows * shape_.kv_heads, width, dim});
  const torch::Tensor value =
      parts[1]
          .to(compute_type_)
          .transpose(1, 2)
          .reshape({rows * shape_.kv_heads, width, dim});
  const double scale = 1.0 / std::sqrt(static_cast<double>(dim));
  const torch::Tensor scores =
      torch::baddbmm(mask_.expand({rows * shape_.kv_heads, -1, -1}), query,
                     key.transpose(1, 2), 1, scale);
  const torch::Tensor mixed =
      torch::bmm(torch::softmax(scores, -1), value)
          .view({rows, shape_.kv_heads, groups, width, dim})
          .permute({0, 3, 1, 2, 4})
          .reshape({rows, width, shape_.heads * dim});
  return Linear(mixed, layer.output);
}

torch::Tensor TrainableModel::FeedForward(const Layer& layer,
                                          const torch::Tensor& x) {
  const auto parts = Linear(x, layer.gate_up).chunk(2, -1);
  return Linear(torch::silu(parts[0]) * parts[1], layer.down);
}

torch::Tensor TrainableModel::Logits(const Batch& batch) {
  PrepareWidth(batch.width);
  const torch::Tensor ids =
      torch::tensor(batch.ids).view({batch.rows, batch.width});
  const double eps = shape_.rms_norm_eps;
  torch::Tensor x = torch::embedding(embedding_, ids);
  for (const Layer& layer : layers_) {
    x = x + Attention(layer, Norm(x, layer.norm1, eps));
    x = x + FeedForward(layer, Norm(x, layer.norm2, eps));
  }
  const torch::Tensor learned =
      x.reshape({-1, shape_.hidden})
          .index_select(0, torch::tensor(batch.places));
  return Linear(Norm(learned, final_norm_, eps), embedding_)
      .to(torch::kFloat32);
}

int64_t TrainableModel::parameters() const {
  int64_t count = 0;
  for (const torch::Tensor& p : matrices_) count += p.numel();
  for (const torch::Tensor& p : vectors_) count += p.numel();
  return count;
}

std::vector<NamedTensor> TrainableModel::HuggingFaceTensors() const {
  torch::NoGradGuard no_gradient;
  const int64_t query = shape_.heads * shape_.head_dim();
  const int64_t key = shape_.kv_heads * shape_.head_dim();
  std::vector<NamedTensor> all;
  all.push_back({"model.embed_tokens.weight", embedding_});
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const std::string prefix = "model.layers." + std::to_string(i) + ".";
    const std::string attention = prefix + "self_attn.";
    all.push_back({prefix + "input_layernorm.weight", layer.norm1});
    const std::vector<int64_t> sizes = {query, key, key};
    const auto weights = layer.qkv.split_with_sizes(sizes, 0);
    const auto biases = layer.qkv_bias.split_with_sizes(sizes, 0);
    const char* const names[] = {"q_proj", "k_proj", "v_proj"};
    for (size_t part = 0; part < 3; ++part) {
      all.push_back({attention + names[part] + ".weight", weights[part]});
      all.push_back({attention + names[part] + ".bias", biases[part]});
    }
    all.push_back({attention + "o_proj.weight", layer.output});
    all.push_back({prefix + "post_attention_layernorm.weight", layer.norm2});
    const auto gate_up = layer.gate_up.chunk(2, 0);
    all.push_back({prefix + "mlp.gate_proj.weight", gate_up[0]});
    all.push_back({prefix + "mlp.up_proj.weight", gate_up[1]});
    all.push_back({prefix + "mlp.down_proj.weight", layer.down});
  }
  all.push_back({"model.norm.weight", final_norm_});
  return all;
}

void TrainableModel::RoundToBf16() {
  torch::NoGradGuard no_gradient;
  for (const auto* group : {&matrices_, &vectors_}) {
    for (torch::Tensor p : *group) {
      p.copy_(p.to(torch::kBFloat16).to(torch::kFloat32));
    }
  }
}

}  // namespace sluice::generator
