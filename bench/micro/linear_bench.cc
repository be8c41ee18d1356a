// Exact weights: one row is bound by the read bandwidth.

#include <algorithm>
#include <string>
#include <vector>

#include "bench/micro/kernel_bench.h"
#include "services/generator/kernels/huge_buffer.h"
#include "services/generator/kernels/kernel_set.h"

namespace sluice::generator::kernels {
namespace {

// The matrices of a Qwen1.5-0.5B layer, as [outputs, inputs].
struct Shape {
  const char* name;
  int32_t rows;
  int32_t columns;
};
constexpr Shape kShapes[] = {
    {"qkv", 3072, 1024}, {"gate_up", 5632, 1024}, {"down", 1024, 2816}};
constexpr int64_t kColdBytes = int64_t{512} << 20;  // beyond any cache

int64_t BytesOf(const Shape& shape, WeightFormat format) {
  return int64_t{PanelCount(shape.rows)} * kPanelRows * shape.columns *
         (format == WeightFormat::kBf16 ? 2 : 4);
}

// Copies of one matrix, enough that each turn finds its weights in memory and
// not in a cache.
class ColdWeights {
 public:
  ColdWeights(const Shape& shape, WeightFormat format)
      : bytes_(BytesOf(shape, format)),
        copies_(std::max<int64_t>(1, kColdBytes / bytes_)),
        memory_(*HugeBuffer::Allocate(bytes_ * copies_)) {
    // Small values of either format: the bits of 0.01 in bf16.
    auto* words = reinterpret_cast<uint16_t*>(memory_.bytes());
    std::fill(words, words + memory_.size() / 2, uint16_t{0x3c24});
    view_ = {memory_.bytes(), format, shape.rows, shape.columns};
  }
  PackedMatrixView Next() {
    view_.panels = memory_.bytes() + bytes_ * (turn_++ % copies_);
    return view_;
  }
  int64_t bytes() const { return bytes_; }

 private:
  int64_t bytes_;
  int64_t copies_;
  HugeBuffer memory_;
  PackedMatrixView view_;
  int64_t turn_ = 0;
};

void BenchLinear(benchmark::State& state, CpuIsa isa, Shape shape,
                 WeightFormat format, const Limits& limits) {
  const int32_t x_rows = static_cast<int32_t>(state.range(0));
  const KernelSet kernels = KernelsFor(isa);
  ThreadPool pool({.threads = limits.threads});
  ColdWeights weights(shape, format);
  std::vector<float> x(size_t(x_rows) * shape.columns, 0.5f);
  std::vector<float> out(size_t(x_rows) * shape.rows);
  for (auto _ : state) {
    LinearCall call;
    call.weights = weights.Next();
    call.x = x.data();
    call.x_stride = shape.columns;
    call.x_rows = x_rows;
    call.out = out.data();
    call.out_stride = shape.rows;
    pool.Run([&](ThreadPool::Worker& worker) {
      worker.For(PanelCount(shape.rows), 4, [&](int64_t begin, int64_t end) {
        kernels.linear(call, static_cast<int32_t>(begin),
                       static_cast<int32_t>(end));
      });
    });
    benchmark::ClobberMemory();
  }
  Report(state,
         {.bytes = static_cast<double>(weights.bytes()),
          .operations = 2.0 * x_rows * shape.rows * shape.columns,
          .peak = limits.float_peak},
         limits);
}

}  // namespace

void RegisterLinear(const Limits& limits) {
  for (const CpuIsa isa : {CpuIsa::kAvx2, CpuIsa::kAvx512}) {
    if (!CpuSupports(isa)) continue;
    for (const Shape& shape : kShapes) {
      for (const WeightFormat format :
           {WeightFormat::kBf16, WeightFormat::kF32}) {
        const std::string name =
            "linear/" + std::string(CpuIsaName(isa)) + "/" + shape.name +
            (format == WeightFormat::kBf16 ? "/bf16" : "/f32");
        benchmark::RegisterBenchmark(name.c_str(), BenchLinear, isa, shape,
                                     format, limits)
            ->ArgName("rows")
            ->Arg(1)
            ->Arg(8)
            ->Arg(64)
            ->Arg(512)
            ->UseRealTime();
      }
    }
  }
}

}  // namespace sluice::generator::kernels
