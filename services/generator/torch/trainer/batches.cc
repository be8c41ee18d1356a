#include "services/generator/torch/trainer/batches.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "common/base/check.h"

namespace sluice::generator {
namespace {

// Fisher-Yates with an exact recipe: std::shuffle may differ between
// libraries, and a training run must not.
template <typename T>
void Shuffle(std::vector<T>& values, std::mt19937_64& random) {
  for (size_t i = values.size(); i > 1; --i) {
    std::swap(values[i - 1], values[random() % i]);
  }
}

// Cuts [begin, end) of `order`, sorted by length, into batches.
void CutWindow(absl::Span<const int32_t> lengths, const BatchOptions& options,
               absl::Span<const int32_t> sorted,
               std::vector<std::vector<int32_t>>& batches) {
  std::vector<int32_t> batch;
  for (const int32_t document : sorted) {
    const int64_t rows = static_cast<int64_t>(batch.size()) + 1;
    if (rows > options.min_rows &&
        rows * lengths[document] > options.batch_tokens) {
      batches.push_back(std::move(batch));
      batch.clear();
    }
    batch.push_back(document);
  }
  if (!batch.empty()) batches.push_back(std::move(batch));
}

}  // namespace

std::vector<std::vector<int32_t>> PlanEpoch(absl::Span<const int32_t> lengths,
                                            const BatchOptions& options,
                                            int32_t epoch) {
  SLUICE_CHECK(options.batch_tokens > 0 && options.min_rows > 0 &&
                   options.window_batches > 0,
               "batch options");
  std::mt19937_64 random(options.seed * 1000003 + static_cast<uint64_t>(epoch));
  std::vector<int32_t> order(lengths.size());
  std::iota(order.begin(), order.end(), 0);
  Shuffle(order, random);
  const int64_t window_tokens = options.batch_tokens * options.window_batches;
  std::vector<std::vector<int32_t>> batches;
  size_t begin = 0;
  while (begin < order.size()) {
    size_t end = begin;
    for (int64_t tokens = 0; end < order.size() && tokens < window_tokens;) {
      tokens += lengths[order[end++]];
    }
    std::stable_sort(
        order.begin() + static_cast<std::ptrdiff_t>(begin),
        order.begin() + static_cast<std::ptrdiff_t>(end),
        [&lengths](int32_t a, int32_t b) { return lengths[a] < lengths[b]; });
    CutWindow(lengths, options,
              absl::MakeConstSpan(order).subspan(begin, end - begin), batches);
    begin = end;
  }
  Shuffle(batches, random);
  return batches;
}

std::vector<std::vector<int32_t>> Deal(absl::Span<const int32_t> documents,
                                       int32_t shards) {
  std::vector<std::vector<int32_t>> hands(static_cast<size_t>(shards));
  for (size_t i = 0; i < documents.size(); ++i) {
    hands[i % hands.size()].push_back(documents[i]);
  }
  return hands;
}

Batch MakeBatch(const IdFile& file, absl::Span<const int32_t> documents,
                float prompt_weight) {
  Batch batch;
  batch.rows = static_cast<int64_t>(documents.size());
  for (const int32_t document : documents) {
    batch.width = std::max<int64_t>(batch.width, file.length(document) - 1);
  }
  batch.ids.assign(static_cast<size_t>(batch.rows * batch.width), 0);
  std::vector<float> weights;
  for (int64_t row = 0; row < batch.rows; ++row) {
    const int32_t document = documents[static_cast<size_t>(row)];
    const absl::Span<const uint16_t> ids = file.document(document);
    weights.assign(ids.size(), prompt_weight);
    for (const IdFile::Span& answer : file.Answers(document)) {
      const auto ids_of_answer = static_cast<float>(answer.end - answer.begin);
      std::fill(weights.begin() + answer.begin, weights.begin() + answer.end,
                1.0f / std::sqrt(ids_of_answer));
    }
    const int64_t first = row * batch.width;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      const int64_t place = first + static_cast<int64_t>(i);
      batch.ids[static_cast<size_t>(place)] = ids[i];
      if (weights[i + 1] <= 0) continue;
      batch.places.push_back(place);
      batch.targets.push_back(ids[i + 1]);
      batch.weights.push_back(weights[i + 1]);
    }
  }
  return batch;
}

}  // namespace sluice::generator
