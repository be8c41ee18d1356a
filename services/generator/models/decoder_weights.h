#pragma once

// All weights of a decoder, checked, packed and ready for the kernels.

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/modelfiles/safetensors.h"
#include "services/generator/kernels/huge_buffer.h"
#include "services/generator/kernels/thread_pool.h"
#include "services/generator/models/model_config.h"
#include "services/generator/quant/quant_format.h"
#include "services/generator/weights/pack_cache.h"
#include "services/generator/weights/packed_matrix.h"
#include "services/generator/weights/tensor_check.h"

namespace sluice::generator {

// Biases are empty where the model has none.
struct LayerWeights {
  std::vector<float> input_norm;  // [hidden]
  PackedMatrix qkv;               // [query + 2 kv, hidden]
  std::vector<float> qkv_bias;
  PackedMatrix output;  // [hidden, query]
  std::vector<float> output_bias;
  std::vector<float> post_norm;  // [hidden]
  PackedMatrix gate_up;          // [2 ffn, hidden]
  PackedMatrix down;             // [hidden, ffn]
};

// What matrices are stored in; without a format they stay as they are.
struct DecoderFormats {
  std::optional<QuantFormat> layers;
  std::optional<QuantFormat> head;  // and the embedding
};

struct WeightRequest {
  DecoderFormats formats = {};
  // That may be taken, and how many of these the KV cache will want.
  int64_t memory_bytes = std::numeric_limits<int64_t>::max();
  int64_t kv_cache_bytes = 0;
  // Where packed weights are kept; null: nowhere. Then the directory of the
  // model and its SourceIdentity from before the reader opened it.
  const PackCache* cache = nullptr;
  std::string directory = {};
  std::string identity = {};
};

// Movable: the matrices lie in `memory`.
struct DecoderWeights {
  kernels::HugeBuffer memory;  // all of it, on huge pages
  PackedMatrix embedding;      // [vocabulary, hidden]
  std::vector<LayerWeights> layers;
  std::vector<float> final_norm;  // [hidden]
  PackedMatrix untied_head;       // [vocabulary, hidden], empty when tied

  int64_t parameters = 0;  // numbers in the file that are used
  int64_t bytes = 0;       // packed
  bool from_cache = false;
  // "f32", "bf16", "mixed" of these, or of quantised layers and head
  // "int4g32-int8g32", "int8g32" where they agree.
  std::string format;
  std::string hash;  // of config values and tensors, hex

  const PackedMatrix& head() const {
    return untied_head.empty() ? embedding : untied_head;
  }
};

struct WeightObserver {
  std::function<void(int64_t done_bytes, int64_t total_bytes)> progress;
  std::function<void(std::string_view message)> warning;
  // What was done for how long: "read_cache", "pack" and "write_cache" as they
  // occur.
  std::function<void(std::string_view phase, double seconds)> phase;
};

// Every tensor the model reads, in the names of Hugging Face. The head is not
// among them when `tied`.
std::vector<TensorRequest> DecoderTensors(const ModelConfig& config, bool tied);
// Numbers in them.
int64_t CountParameters(const ModelConfig& config);

// A head that is missing though not tied is taken from the embedding, with a
// warning; one that is there though tied is ignored. A pack that cannot be
// trusted, read or written is a warning.
// Errors: those of CheckTensors and PanelPacker; RESOURCE_EXHAUSTED
// "memory: ..." when weights and KV cache pass `memory_bytes`. Nothing large is
// allocated before all names, shapes, types and sizes have been checked.
absl::StatusOr<DecoderWeights> LoadDecoderWeights(
    const ModelConfig& config, const SafetensorsReader& reader,
    const WeightRequest& request, kernels::ThreadPool& pool,
    const WeightObserver& observer);

}  // namespace sluice::generator
