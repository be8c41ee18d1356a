// sluice-bench-contract ROUNDS: what the numerics contract costs. The contract
// sums every output over all columns in one order, whatever the number of
// rows. Freed of it, columns may be split between threads and tiles may change
// with the number of rows. Prints one JSON line per measurement: all variants
// of a case, one after the other, ROUNDS times.

#include "bench/micro/contract_cost.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "bench/micro/cold_weights.h"
#include "services/generator/kernels/kernel_set.h"
#include "services/generator/kernels/thread_pool.h"

namespace sluice::generator::kernels {
namespace {

constexpr int64_t kColdBytes = int64_t{256} << 20;
constexpr double kLeastSeconds = 0.02;  // of a measurement

struct ModelShape {
  const char* model;
  int32_t layers;
  QuantShape shape;
};
constexpr ModelShape kShapes[] = {
    {"a", 24, {"qkv", 3072, 1024}},      {"a", 24, {"output", 1024, 1024}},
    {"a", 24, {"gate_up", 5632, 1024}},  {"a", 24, {"down", 1024, 2816}},
    {"b", 28, {"qkv", 2048, 1536}},      {"b", 28, {"output", 1536, 1536}},
    {"b", 28, {"gate_up", 17920, 1536}}, {"b", 28, {"down", 1536, 8960}}};
constexpr QuantFormat kFormats[] = {{"int8", 8, 128, false},
                                    {"int4", 4, 32, false}};
constexpr int32_t kRows[] = {1, 4, 8, 32, 128, 512};

struct Variant {
  const char* name;
  QuantLinearFn kernel;
  int32_t splits;      // of the columns
  int32_t least_rows;  // from which it does anything else than the contract
};
constexpr Variant kVariants[] = {{"contract", QuantLinearAvx512Vnni, 1, 1},
                                 {"split2", QuantLinearAvx512Vnni, 2, 1},
                                 {"split4", QuantLinearAvx512Vnni, 4, 1},
                                 {"tile4", QuantLinearTile4, 1, 5},
                                 {"tile5", QuantLinearTile5, 1, 6},
                                 {"block48", QuantLinearBlock48, 1, 49},
                                 {"block192", QuantLinearBlock192, 1, 97}};

// One matrix and its rows under all variants.
class Case {
 public:
  Case(const QuantShape& shape, const QuantFormat& format, int32_t rows,
       ThreadPool& pool)
      : pool_(pool),
        weights_(shape, format, kColdBytes),
        inputs_(weights_.Next(), rows),
        out_(size_t(rows) * shape.rows),
        partial_(3 * out_.size()),
        panels_(PanelCount(shape.rows)) {}

  double Seconds(const Variant& variant) {
    const auto start = std::chrono::steady_clock::now();
    for (int64_t turns = 1;; ++turns) {
      Turn(variant);
      const double seconds = std::chrono::duration<double>(
                                 std::chrono::steady_clock::now() - start)
                                 .count();
      if (seconds >= kLeastSeconds) {
        return seconds / static_cast<double>(turns);
      }
    }
  }

 private:
  // Columns of blocks [begin, end) as a product of its own.
  QuantLinearCall Columns(const QuantMatrixView& weights, int32_t begin,
                          int32_t end, float* out) const {
    QuantLinearCall call{weights, inputs_.view, nullptr,
                         out,     weights.rows, false};
    const int32_t first = begin * kActivationBlock;
    const int32_t past = std::min(weights.columns, end * kActivationBlock);
    const int64_t at = int64_t{begin} * inputs_.view.rows;
    call.weights.panels += first / weights.group * weights.group_bytes;
    call.weights.columns = past - first;
    call.x.values += at * kActivationBlock;
    call.x.scales += at;
    call.x.sums += at * (kActivationBlock / weights.group);
    call.x.columns = past - first;
    return call;
  }

  void Turn(const Variant& variant) {
    const QuantMatrixView weights = weights_.Next();
    pool_.Run([&](ThreadPool::Worker& worker) {
      const int64_t shares = worker.threads() * 8;
      const int64_t items = int64_t{panels_} * variant.splits;
      worker.For(items, std::max<int64_t>(1, items / shares),
                 [&](int64_t begin, int64_t end) {
                   for (; begin < end; ++begin) {
                     Product(variant, weights, static_cast<int32_t>(begin));
                   }
                 });
      if (variant.splits == 1) return;
      worker.For(static_cast<int64_t>(out_.size()),
                 static_cast<int64_t>(out_.size()) / shares + 1,
                 [&](int64_t begin, int64_t end) {
                   for (int32_t i = 1; i < variant.splits; ++i) {
                     const float* from = &partial_[(i - 1) * out_.size()];
                     for (int64_t o = begin; o < end; ++o) out_[o] += from[o];
                   }
                 });
    });
  }

  void Product(const Variant& variant, const QuantMatrixView& weights,
               int32_t item) {
    const int32_t split = item / panels_;
    const int32_t panel = item % panels_;
    float* out =
        split == 0 ? out_.data() : &partial_[(split - 1) * out_.size()];
    const QuantLinearCall call =
        Columns(weights, inputs_.blocks * split / variant.splits,
                inputs_.blocks * (split + 1) / variant.splits, out);
    variant.kernel(call, panel, panel + 1);
  }

  ThreadPool& pool_;
  ColdQuantWeights weights_;
  QuantInputs inputs_;
  std::vector<float> out_;
  std::vector<float> partial_;  // of the splits but the first
  int32_t panels_;
};

void Measure(const ModelShape& one, const QuantFormat& format, int32_t rows,
             int rounds, ThreadPool& pool) {
  Case measured(one.shape, format, rows, pool);
  measured.Seconds(kVariants[0]);  // touches its memory
  std::vector<const Variant*> variants;
  for (const Variant& variant : kVariants) {
    if (rows >= variant.least_rows) variants.push_back(&variant);
  }
  for (int round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < variants.size(); ++i) {
      // Nobody is always the first.
      const Variant& variant = *variants[(i + round / 2) % variants.size()];
      std::printf(
          "{\"model\":\"%s\",\"layers\":%d,\"matrix\":\"%s\",\"format\":\"%s\","
          "\"rows\":%d,\"round\":%d,\"variant\":\"%s\",\"seconds\":%.9f}\n",
          one.model, one.layers, one.shape.name, format.name, rows, round,
          variant.name, measured.Seconds(variant));
    }
  }
  std::fflush(stdout);
}

int Main(int rounds) {
  if (!CpuHasAvx512Vnni()) {
    std::fprintf(stderr, "this processor lacks AVX-512 VNNI\n");
    return 3;
  }
  ThreadPool pool({.threads = static_cast<int>(
                       std::max(1u, std::thread::hardware_concurrency()))});
  for (const ModelShape& one : kShapes) {
    for (const QuantFormat& format : kFormats) {
      for (const int32_t rows : kRows) {
        Measure(one, format, rows, rounds, pool);
      }
    }
  }
  return 0;
}

}  // namespace
}  // namespace sluice::generator::kernels

int main(int argc, char** argv) {
  const int rounds = argc == 2 ? std::atoi(argv[1]) : 0;
  if (rounds < 1) {
    std::fprintf(stderr, "usage: sluice-bench-contract ROUNDS\n");
    return 2;
  }
  return sluice::generator::kernels::Main(rounds);
}
