#include "services/generator/make_random_model_weights.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <string>

#include "common/base/check.h"

namespace sluice::generator {
namespace {

constexpr float kEmbeddingDeviation = 0.02f;
constexpr float kNormDeviation = 0.1f;
constexpr float kBiasDeviation = 0.1f;
// Attention of a trained model prefers some positions: its scores spread more
// than by one.
constexpr float kScoreGain = 1.5f;

// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators"
// (2014), the output function of SplitMix64.
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

// FNV-1a, 64 bits.
uint64_t HashName(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : name) {
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3ull;
  }
  return hash;
}

// The sum of four uniform numbers of 16 bits is bell-shaped, and unlike
// Box-Muller it needs no libm whose last bit could differ between machines.
float Noise(uint64_t bits) {
  const int32_t sum = static_cast<int32_t>(bits & 0xffff) +
                      static_cast<int32_t>((bits >> 16) & 0xffff) +
                      static_cast<int32_t>((bits >> 32) & 0xffff) +
                      static_cast<int32_t>(bits >> 48);
  constexpr int32_t kTwiceMean = 4 * 65535;
  // 1 / (2 * deviation of the sum) = 1 / (2 * 65536 * sqrt(4 / 12)).
  constexpr float kScale = 1.3214499e-05f;
  return static_cast<float>(2 * sum - kTwiceMean) * kScale;
}

uint16_t ToBfloat16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

bool EndsWith(std::string_view text, std::string_view ending) {
  return text.size() >= ending.size() &&
         text.substr(text.size() - ending.size()) == ending;
}

float InverseSqrt(int32_t size) {
  return 1.0f / std::sqrt(static_cast<float>(size));
}

}  // namespace

WeightDistribution DistributionOf(std::string_view tensor,
                                  const ModelConfig& config,
                                  double logit_spread) {
  if (tensor == "model.norm.weight") {
    // The head has rows of deviation kEmbeddingDeviation whether tied or not.
    const float scale = static_cast<float>(logit_spread) / kEmbeddingDeviation *
                        InverseSqrt(config.hidden_size);
    return {scale, kNormDeviation * scale};
  }
  if (EndsWith(tensor, "layernorm.weight")) return {1.0f, kNormDeviation};
  if (EndsWith(tensor, ".bias")) return {0.0f, kBiasDeviation};
  if (tensor == "model.embed_tokens.weight" || tensor == "lm_head.weight") {
    return {0.0f, kEmbeddingDeviation};
  }
  if (EndsWith(tensor, "q_proj.weight") || EndsWith(tensor, "k_proj.weight")) {
    return {0.0f, kScoreGain * InverseSqrt(config.hidden_size)};
  }
  if (EndsWith(tensor, "o_proj.weight")) {
    return {0.0f, InverseSqrt(config.query_size())};
  }
  if (EndsWith(tensor, "down_proj.weight")) {
    return {0.0f, InverseSqrt(config.ffn_size)};
  }
  return {0.0f, InverseSqrt(config.hidden_size)};
}

void AppendRandomWeights(uint64_t seed, const TensorSpec& tensor,
                         const WeightDistribution& distribution,
                         const WeightRange& range, std::vector<uint8_t>& out) {
  const bool bf16 = tensor.type == TensorType::kBF16;
  SLUICE_CHECK(bf16 || tensor.type == TensorType::kF32,
               "random weights are F32 or BF16");
  const uint64_t key = Mix(seed) ^ HashName(tensor.name);
  const size_t old_size = out.size();
  out.resize(old_size + range.count * TensorTypeBytes(tensor.type));
  uint8_t* to = out.data() + old_size;
  for (int64_t i = 0; i < range.count; ++i) {
    const uint64_t index = static_cast<uint64_t>(range.first + i);
    const float noise = Noise(Mix(key + Mix(index)));
    const float value = distribution.mean + distribution.deviation * noise;
    if (bf16) {
      const uint16_t stored = ToBfloat16(value);
      std::memcpy(to + 2 * i, &stored, 2);
    } else {
      std::memcpy(to + 4 * i, &value, 4);
    }
  }
}

}  // namespace sluice::generator
