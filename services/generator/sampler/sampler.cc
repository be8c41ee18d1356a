#include "services/generator/sampler/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "services/generator/sampler/philox.h"
#include "services/generator/sampler/row_scan.h"

namespace sluice::generator {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();
constexpr size_t kBlock = 256;       // weights a partial sum covers
constexpr size_t kFirstSorted = 64;  // candidates top_p looks at first

float Weight(float logit, float top, float temperature) {
  return ExpOfNegative((logit - top) / temperature);
}

float Penalised(float penalty, float logit) {
  return logit < 0 ? logit * penalty : logit / penalty;
}

// Sum in blocks, each block and then the blocks in order.
double SumInBlocks(absl::Span<const float> weights,
                   std::vector<double>& block_sums) {
  block_sums.clear();
  double total = 0;
  for (size_t first = 0; first < weights.size(); first += kBlock) {
    double sum = 0;
    const size_t end = std::min(first + kBlock, weights.size());
    for (size_t i = first; i < end; ++i) sum += weights[i];
    block_sums.push_back(sum);
    total += sum;
  }
  return total;
}

// The index at which the running sum of the weights passes `target`; the last
// one of positive weight when rounding leaves the target at the very end.
size_t FindIndex(absl::Span<const float> weights,
                 absl::Span<const double> block_sums, double target) {
  size_t block = 0;
  while (block + 1 < block_sums.size() && target >= block_sums[block]) {
    target -= block_sums[block++];
  }
  for (size_t i = block * kBlock; i < weights.size(); ++i) {
    if (target < weights[i]) return i;
    target -= weights[i];
  }
  size_t last = weights.size() - 1;
  while (last > 0 && weights[last] <= 0) --last;
  return last;
}

}  // namespace

float ExpOfNegative(float x) {
  if (!(x > -80.0f)) return 0.0f;
  constexpr float kLog2E = 1.44269504f;
  constexpr float kLn2High = 0.693359375f;
  constexpr float kLn2Low = -2.12194440e-4f;
  constexpr float kRounder = 12582912.0f;  // 1.5 * 2^23: rounds to nearest
  const float n = (x * kLog2E + kRounder) - kRounder;
  const float r = (x - n * kLn2High) - n * kLn2Low;
  // Taylor of degree 7 on |r| <= ln(2) / 2: the rest is below 6e-9.
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const uint32_t exponent = static_cast<uint32_t>(static_cast<int32_t>(n) + 127)
                            << 23;
  return p * std::bit_cast<float>(exponent);
}

absl::StatusOr<int32_t> Sampler::Sample(absl::Span<const float> logits,
                                        const SamplingParams& params,
                                        const SamplePoint& point) {
  Process(logits, params, point);
  ASSIGN_OR_RETURN(Top top, FindTop());
  if (top.value == kMinusInfinity) {
    row_.Reset(logits);
    ASSIGN_OR_RETURN(top, FindTop());
    if (top.value == kMinusInfinity) {
      return absl::InternalError("logits: no candidate, got all -inf");
    }
  }
  if (params.greedy() || std::isinf(top.value)) return top.id;
  const double uniform =
      UniformAt(params.seed, point.sequence_index, point.position);
  const bool keeps_all =
      params.top_p >= 1.0f &&
      (params.top_k == 0 || static_cast<size_t>(params.top_k) >= row_.size());
  return keeps_all ? DrawFromAll(top.value, params.temperature, uniform)
                   : DrawFromKept(top.value, params, uniform);
}

// First index of the maximum; id 0 and -inf when all are -inf.
absl::StatusOr<Sampler::Top> Sampler::FindTop() {
  if (ScanBlocks(row_, block_tops_)) {
    const size_t id = FirstOfLargest(row_, block_tops_);
    return Top{static_cast<int32_t>(id), row_[id]};
  }
  size_t nan = 0;
  while (!std::isnan(row_[nan])) ++nan;
  return absl::InternalError(absl::StrCat(
      "logits: not a number, got NaN at id ", nan, ", limit finite"));
}

void Sampler::Process(absl::Span<const float> logits,
                      const SamplingParams& params, const SamplePoint& point) {
  row_.Reset(logits);
  if (params.repetition_penalty != 1.0f && point.seen != nullptr) {
    for (int32_t id : point.seen->ids()) {
      row_.Set(id, Penalised(params.repetition_penalty, row_[id]));
    }
    PenaliseDrafted(params, point);
  }
  for (int32_t id : point.banned_ids) row_.Set(id, kMinusInfinity);
}

// Each once, however often it comes.
void Sampler::PenaliseDrafted(const SamplingParams& params,
                              const SamplePoint& point) {
  for (size_t i = 0; i < point.drafted.size(); ++i) {
    const int32_t id = point.drafted[i];
    const auto before = point.drafted.subspan(0, i);
    if (point.seen->contains(id) ||
        std::find(before.begin(), before.end(), id) != before.end()) {
      continue;
    }
    row_.Set(id, Penalised(params.repetition_penalty, row_[id]));
  }
}

int32_t Sampler::DrawFromAll(float top, float temperature, double uniform) {
  weights_.clear();
  for (size_t b = 0; b < row_.blocks(); ++b) {
    for (const float logit : row_.Block(b)) {
      weights_.push_back(Weight(logit, top, temperature));
    }
  }
  const double total = SumInBlocks(weights_, block_sums_);
  return static_cast<int32_t>(
      FindIndex(weights_, block_sums_, uniform * total));
}

int32_t Sampler::DrawFromKept(float top, const SamplingParams& params,
                              double uniform) {
  KeepTopK(params.top_k);
  WeighKept(top, params.temperature);
  if (params.top_p < 1.0f) {
    KeepTopP(params.top_p);
    WeighKept(top, params.temperature);
  }
  const double total = SumInBlocks(weights_, block_sums_);
  return kept_[FindIndex(weights_, block_sums_, uniform * total)];
}

void Sampler::KeepTopK(int32_t k) {
  float threshold = kMinusInfinity;
  if (k > 0 && static_cast<size_t>(k) < row_.size()) {
    threshold = KthLargest(row_, block_tops_, k, candidates_);
  }
  CollectFrom(row_, block_tops_, threshold, kept_);
}

void Sampler::WeighKept(float top, float temperature) {
  weights_.resize(kept_.size());
  for (size_t i = 0; i < kept_.size(); ++i) {
    weights_[i] = Weight(row_[kept_[i]], top, temperature);
  }
}

// Reads weights_ of kept_, leaves the smallest set of the likeliest (of equal
// ones those of lower id) that reaches top_p of their sum.
void Sampler::KeepTopP(float top_p) {
  const double target = top_p * SumInBlocks(weights_, block_sums_);
  order_.resize(kept_.size());
  std::iota(order_.begin(), order_.end(), 0);
  const auto likelier = [&](int32_t a, int32_t b) {
    if (row_[kept_[a]] != row_[kept_[b]])
      return row_[kept_[a]] > row_[kept_[b]];
    return a < b;
  };
  size_t sorted = 0;
  size_t count = 0;
  double sum = 0;
  // Mostly few are needed: sort as many as it takes, eightfold each time.
  while (count < order_.size() && (count == 0 || sum < target)) {
    if (count == sorted) {
      const size_t end =
          std::min(order_.size(), std::max(kFirstSorted, sorted * 8));
      std::partial_sort(order_.begin() + sorted, order_.begin() + end,
                        order_.end(), likelier);
      sorted = end;
    }
    sum += weights_[order_[count++]];
  }
  order_.resize(count);
  std::sort(order_.begin(), order_.end());
  for (size_t i = 0; i < count; ++i) kept_[i] = kept_[order_[i]];
  kept_.resize(count);
}

}  // namespace sluice::generator
