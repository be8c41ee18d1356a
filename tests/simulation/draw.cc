#include "tests/simulation/draw.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

namespace sluice::generator {
namespace {

// Of the sum of all weights: what float32 weights and other orders of sums may
// differ by, and then some.
constexpr double kUnsure = 1e-5;

double Sum(const std::vector<double>& weights) {
  return std::accumulate(weights.begin(), weights.end(), 0.0);
}

}  // namespace

std::vector<uint32_t> PhiloxWords(std::vector<uint32_t> counter, uint64_t key) {
  uint32_t low = static_cast<uint32_t>(key & 0xffffffff);
  uint32_t high = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t left = 0xD2511F53ull * counter[0];
    const uint64_t right = 0xCD9E8D57ull * counter[2];
    const auto top = [](uint64_t product) {
      return static_cast<uint32_t>(product >> 32);
    };
    const uint32_t first = top(right) ^ counter[1] ^ low;
    const uint32_t third = top(left) ^ counter[3] ^ high;
    counter[1] = static_cast<uint32_t>(right & 0xffffffff);
    counter[3] = static_cast<uint32_t>(left & 0xffffffff);
    counter[0] = first;
    counter[2] = third;
    low += 0x9E3779B9;
    high += 0xBB67AE85;
  }
  return counter;
}

double PhiloxUniform(uint64_t seed, int32_t sequence_index, int64_t position) {
  const uint64_t place = static_cast<uint64_t>(position);
  const std::vector<uint32_t> words =
      PhiloxWords({static_cast<uint32_t>(place & 0xffffffff),
                   static_cast<uint32_t>(place >> 32),
                   static_cast<uint32_t>(sequence_index), 0},
                  seed);
  // 32 bits of the first word, then 21 of the second.
  return std::ldexp(words[0], -32) + std::ldexp(words[1] >> 11, -53);
}

Choice Drawer::Draw(absl::Span<const float> logits,
                    const SamplingParams& params, const DrawPlace& place) {
  row_.assign(logits.begin(), logits.end());
  for (size_t i = 0; i < row_.size(); ++i) {
    if (params.repetition_penalty == 1.0f || !place.seen[i]) continue;
    row_[i] = row_[i] < 0 ? row_[i] * params.repetition_penalty
                          : row_[i] / params.repetition_penalty;
  }
  for (int32_t id : place.banned_ids) {
    row_[id] = -std::numeric_limits<float>::infinity();
  }
  const auto top = std::max_element(row_.begin(), row_.end());
  if (!params.do_sample || params.temperature == 0.0f) {
    return {static_cast<int32_t>(top - row_.begin())};
  }
  weights_.resize(row_.size());
  for (size_t i = 0; i < row_.size(); ++i) {
    weights_[i] =
        std::exp((static_cast<double>(row_[i]) - *top) / params.temperature);
  }
  if (params.top_k > 0) KeepTopK(params.top_k);
  Choice choice;
  if (params.top_p < 1.0f) choice.certain = KeepTopP(params.top_p);
  const double total = Sum(weights_);
  const double target =
      total * PhiloxUniform(params.seed, place.sequence_index, place.position);
  double sum = 0;
  for (size_t i = 0; i < weights_.size(); ++i) {
    if (weights_[i] == 0) continue;
    sum += weights_[i];
    if (std::abs(sum - target) < kUnsure * total) choice.certain = false;
    choice.id = static_cast<int32_t>(i);
    if (target < sum) break;
  }
  return choice;
}

// Equal ones of the last place stay.
void Drawer::KeepTopK(int32_t k) {
  if (static_cast<size_t>(k) >= row_.size()) return;
  sorted_ = row_;
  std::nth_element(sorted_.begin(), sorted_.begin() + (k - 1), sorted_.end(),
                   std::greater<float>());
  for (size_t i = 0; i < row_.size(); ++i) {
    if (row_[i] < sorted_[k - 1]) weights_[i] = 0;
  }
}

// The likeliest until they reach `top_p` of all; false when it is too close to
// tell how many these are.
bool Drawer::KeepTopP(double top_p) {
  order_.resize(row_.size());
  std::iota(order_.begin(), order_.end(), 0);
  std::stable_sort(order_.begin(), order_.end(),
                   [this](int32_t a, int32_t b) { return row_[a] > row_[b]; });
  const double total = Sum(weights_);
  double sum = 0;
  bool reached = false, certain = true;
  for (int32_t id : order_) {
    if (reached) {
      weights_[id] = 0;
      continue;
    }
    sum += weights_[id];
    certain = certain && std::abs(sum - top_p * total) >= kUnsure * total;
    reached = sum >= top_p * total;
  }
  return certain;
}

}  // namespace sluice::generator
