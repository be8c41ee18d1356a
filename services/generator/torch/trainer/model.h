#pragma once

// The Qwen2 decoder with gradients. Parameters are float32; matrix products
// run in bf16 or float32. Projections that read the same rows are one matrix
// here and are cut apart when the model is written.

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "services/generator/torch/trainer/batches.h"
#include "services/generator/torch/trainer/model_shape.h"

namespace sluice::generator {

struct NamedTensor {
  std::string name;  // as Hugging Face calls it
  torch::Tensor tensor;
};

// Threads: one at a time.
class TrainableModel {
 public:
  TrainableModel(const ModelShape& shape, uint64_t seed, bool bf16);

  // Lets this model read the parameters of another one (of the same shape) in
  // place of its own; gradients stay apart. Models that share may run at the
  // same time, each on its thread, while no one changes the parameters.
  void ShareParameters(const TrainableModel& other);

  // Logits of the places that the batch learns, [places, vocabulary] float32.
  torch::Tensor Logits(const Batch& batch);

  // Matrices first, then vectors (norms and biases), which take no decay.
  const std::vector<torch::Tensor>& matrices() const { return matrices_; }
  const std::vector<torch::Tensor>& vectors() const { return vectors_; }
  int64_t parameters() const;
  // Views, float32, in the names and shapes of a Hugging Face checkpoint.
  std::vector<NamedTensor> HuggingFaceTensors() const;
  // Makes every parameter a number that bf16 holds, as export stores it.
  void RoundToBf16();

 private:
  struct Layer {
    torch::Tensor norm1, qkv, qkv_bias, output, norm2, gate_up, down;
  };

  torch::Tensor Matrix(int64_t rows, int64_t columns, double deviation);
  torch::Tensor Vector(int64_t size, double value);
  torch::Tensor Linear(const torch::Tensor& x, const torch::Tensor& w);
  torch::Tensor Attention(const Layer& layer, const torch::Tensor& x);
  torch::Tensor FeedForward(const Layer& layer, const torch::Tensor& x);
  void PrepareWidth(int64_t width);

  const ModelShape shape_;
  const torch::ScalarType compute_type_;
  torch::Generator random_;
  torch::Tensor embedding_, final_norm_;
  std::vector<Layer> layers_;
  std::vector<torch::Tensor> matrices_, vectors_;
  // Tables of the current width: [width, head_dim / 2] and
  // [query groups * width, width].
  torch::Tensor cosine_, sine_, mask_;
};

}  // namespace sluice::generator
