// Quantised weights: few rows are bound by the read bandwidth, many by the
// 8-bit multiply-adds.

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "bench/micro/kernel_bench.h"
#include "services/generator/kernels/huge_buffer.h"
#include "services/generator/kernels/kernel_set.h"
#include "services/generator/kernels/quant_code.h"

namespace sluice::generator::kernels {
namespace {

constexpr int64_t kColdBytes = int64_t{512} << 20;  // beyond any cache

// Matrices of Qwen1.5-0.5B and Qwen2.5-1.5B, as [outputs, inputs].
struct Shape {
  const char* name;
  int32_t rows;
  int32_t columns;
};
constexpr Shape kShapes[] = {{"a.gate_up", 5632, 1024},
                             {"a.down", 1024, 2816},
                             {"b.gate_up", 17920, 1536},
                             {"b.down", 1536, 8960}};
struct Format {
  const char* name;
  int32_t bits, group;
  bool has_minimum;
};
constexpr Format kFormats[] = {{"int8g32", 8, 32, false},
                               {"int8g128", 8, 128, false},
                               {"int4g32", 4, 32, false},
                               {"int4g32m", 4, 32, true}};

// Copies of one matrix, so that each turn finds its weights in memory.
class ColdWeights {
 public:
  ColdWeights(const Shape& shape, const Format& format) {
    view_.rows = shape.rows;
    view_.columns = shape.columns;
    view_.bits = format.bits;
    view_.group = format.group;
    view_.has_minimum = format.has_minimum;
    view_ = MakeQuantView(view_);
    bytes_ = PanelCount(shape.rows) * view_.panel_bytes;
    copies_ = std::max<int64_t>(1, kColdBytes / bytes_);
    memory_ = *HugeBuffer::Allocate(bytes_ * copies_);
    // Codes of some value, scales of 0x1c1c: 0.004.
    std::memset(memory_.bytes(), 0x1c, memory_.size());
  }
  QuantMatrixView Next() {
    view_.panels = memory_.bytes() + bytes_ * (turn_++ % copies_);
    return view_;
  }
  int64_t bytes() const { return bytes_; }

 private:
  QuantMatrixView view_;
  int64_t bytes_ = 0;
  int64_t copies_ = 0;
  HugeBuffer memory_;
  int64_t turn_ = 0;
};

struct Rows {
  Rows(const QuantMatrixView& weights, int32_t rows)
      : blocks((weights.columns + kActivationBlock - 1) / kActivationBlock),
        values(*HugeBuffer::Allocate(size_t(blocks) * rows * kActivationBlock)),
        scales(size_t(blocks) * rows, 0.01f),
        sums(scales.size() * kActivationBlock / weights.group, 0) {
    view = {reinterpret_cast<int8_t*>(values.bytes()),
            scales.data(),
            sums.data(),
            rows,
            weights.columns,
            weights.group,
            SumFactor(weights.bits, weights.has_minimum)};
    std::memset(values.bytes(), 3, values.size());
  }

  int32_t blocks;
  HugeBuffer values;
  std::vector<float> scales;
  std::vector<int32_t> sums;
  QuantRowsView view;
};

void BenchQuantLinear(benchmark::State& state, CpuIsa isa, Shape shape,
                      Format format, const Limits& limits) {
  const int32_t x_rows = static_cast<int32_t>(state.range(0));
  const KernelSet kernels = KernelsFor(isa);
  ThreadPool pool({.threads = limits.threads});
  ColdWeights weights(shape, format);
  const Rows rows(weights.Next(), x_rows);
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
    for (const Shape& shape : kShapes) {
      for (const Format& format : kFormats) {
        const std::string name = "quant_linear/" +
                                 std::string(CpuIsaName(isa)) + "/" +
                                 shape.name + "/" + format.name;
        benchmark::RegisterBenchmark(name.c_str(), BenchQuantLinear, isa, shape,
                                     format, limits)
            ->ArgName("rows")
            ->Arg(1)
            ->Arg(4)
            ->Arg(8)
            ->Arg(32)
            ->Arg(512)
            ->UseRealTime();
      }
    }
  }
}

}  // namespace sluice::generator::kernels
