// Quantised weights: few rows are bound by the read bandwidth, many by the
// 8-bit multiply-adds.

#include <algorithm>
#include <string>
#include <vector>

#include "bench/micro/cold_weights.h"
#include "bench/micro/kernel_bench.h"
#include "services/generator/kernels/kernel_set.h"

namespace sluice::generator::kernels {
namespace {

constexpr int32_t kLongestRow = 100'000;
constexpr int64_t kColdBytes = int64_t{512} << 20;  // beyond any cache

// Matrices of Qwen1.5-0.5B and Qwen2.5-1.5B, as [outputs, inputs].
constexpr QuantShape kShapes[] = {{"a.gate_up", 5632, 1024},
                                  {"a.down", 1024, 2816},
                                  {"b.gate_up", 17920, 1536},
                                  {"b.down", 1536, 8960},
                                  {"a.head", 151936, 1024}};
constexpr QuantFormat kFormats[] = {{"int8g32", 8, 32, false},
                                    {"int8g128", 8, 128, false},
                                    {"int4g32", 4, 32, false},
                                    {"int4g32m", 4, 32, true}};

void BenchQuantLinear(benchmark::State& state, CpuIsa isa, QuantShape shape,
                      QuantFormat format, const Limits& limits) {
  const int32_t x_rows = static_cast<int32_t>(state.range(0));
  const KernelSet kernels = KernelsFor(isa);
  ThreadPool pool({.threads = limits.threads});
  ColdQuantWeights weights(shape, format, kColdBytes);
  const QuantInputs rows(weights.Next(), x_rows);
  std::vector<float> out(size_t(x_rows) * shape.rows);
  const int32_t panels = PanelCount(shape.rows);
  const int64_t grain = std::max(1, panels / (limits.threads * 8));
  for (auto _ : state) {
    const QuantLinearCall call{weights.Next(), rows.view,  nullptr,
                               out.data(),     shape.rows, false};
    pool.Run([&](ThreadPool::Worker& worker) {
      worker.For(panels, grain, [&](int64_t begin, int64_t end) {
        kernels.quant_linear(call, static_cast<int32_t>(begin),
                             static_cast<int32_t>(end));
      });
    });
    benchmark::ClobberMemory();
  }
  Report(state,
         {.bytes = static_cast<double>(weights.bytes()),
          .operations = 2.0 * x_rows * shape.rows * shape.columns,
          .peak = limits.vnni_peak},
         limits);
}

}  // namespace

void RegisterQuantLinear(const Limits& limits) {
  for (const CpuIsa isa : {CpuIsa::kAvx2, CpuIsa::kAvx512}) {
    if (!CpuSupports(isa)) continue;
    for (const QuantShape& shape : kShapes) {
      for (const QuantFormat& format : kFormats) {
        const std::string name = "quant_linear/" +
                                 std::string(CpuIsaName(isa)) + "/" +
                                 shape.name + "/" + format.name;
        auto* bench =
            benchmark::RegisterBenchmark(name.c_str(), BenchQuantLinear, isa,
                                         shape, format, limits)
                ->ArgName("rows")
                ->UseRealTime();
        for (const int64_t rows : {1, 4, 8, 32, 512}) {
          // The head has a row per sequence.
          if (rows <= 32 || shape.rows < kLongestRow) bench->Arg(rows);
        }
      }
    }
  }
}

}  // namespace sluice::generator::kernels
