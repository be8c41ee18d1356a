// What works on one row at a time, on one thread, from the cache.

#include <cmath>
#include <string>
#include <vector>

#include "bench/micro/kernel_bench.h"
#include "services/generator/kernels/huge_buffer.h"
#include "services/generator/kernels/kernel_set.h"
#include "services/generator/kernels/quant_code.h"

namespace sluice::generator::kernels {
namespace {

struct Row {
  explicit Row(int32_t columns) : x(columns), y(columns, 1.0f), out(columns) {
    for (int32_t i = 0; i < columns; ++i) x[i] = std::sin(0.1f * i);
    const int32_t blocks = (columns + kActivationBlock - 1) / kActivationBlock;
    values.resize(size_t(blocks) * kActivationBlock + 64);
    scales.resize(blocks);
    sums.resize(size_t(blocks) * kActivationBlock / kMinGroup);
    auto* aligned = reinterpret_cast<int8_t*>(
        (reinterpret_cast<uintptr_t>(values.data()) + 63) / 64 * 64);
    view = {aligned, scales.data(), sums.data(),        1,
            columns, kMinGroup,     SumFactor(8, false)};
  }

  std::vector<float> x, y, out;
  std::vector<int8_t> values;
  std::vector<float> scales;
  std::vector<int32_t> sums;
  QuantRowsView view;
};

enum class RowOperator {
  kRmsNorm,
  kRmsNormQuantize,
  kSwiglu,
  kSwigluQuantize,
  kQuantize
};

void BenchRow(benchmark::State& state, CpuIsa isa, RowOperator which,
              const Limits& limits) {
  const int32_t columns = static_cast<int32_t>(state.range(0));
  const KernelSet kernels = KernelsFor(isa);
  Row row(columns);
  for (auto _ : state) {
    switch (which) {
      case RowOperator::kRmsNorm:
        kernels.rms_norm(row.x.data(), row.y.data(), columns, 1e-6f,
                         row.out.data());
        break;
      case RowOperator::kRmsNormQuantize:
        kernels.rms_norm_quantize(row.x.data(), row.y.data(), 1e-6f, row.view,
                                  0);
        break;
      case RowOperator::kSwiglu:
        kernels.swiglu(row.x.data(), row.y.data(), columns, row.out.data());
        break;
      case RowOperator::kSwigluQuantize:
        kernels.swiglu_quantize(row.x.data(), row.y.data(), row.view, 0);
        break;
      case RowOperator::kQuantize:
        kernels.quantize_row(row.x.data(), row.view, 0);
        break;
    }
    benchmark::ClobberMemory();
  }
  // Two rows of float32 come in, or one twice; one of float32 or bytes goes
  // out.
  const bool quantizes = which == RowOperator::kQuantize ||
                         which == RowOperator::kRmsNormQuantize ||
                         which == RowOperator::kSwigluQuantize;
  const double in = which == RowOperator::kQuantize ? 4 : 8;
  ReportInCache(state, columns * (in + (quantizes ? 1 : 4)), limits);
}

// Rotation, and storing, of all heads of a Qwen1.5-0.5B row.
constexpr int32_t kHeads = 16;
constexpr int32_t kHeadDim = 64;

void BenchRope(benchmark::State& state, CpuIsa isa, const Limits& limits) {
  const KernelSet kernels = KernelsFor(isa);
  std::vector<float> x(kHeads * kHeadDim, 0.5f);
  const std::vector<float> cosine(kHeadDim / 2, 0.8f);
  const std::vector<float> sine(kHeadDim / 2, 0.6f);
  for (auto _ : state) {
    kernels.rope(x.data(), kHeads, kHeadDim / 2, cosine.data(), sine.data());
    benchmark::ClobberMemory();
  }
  ReportInCache(state, 8.0 * kHeads * kHeadDim, limits);
}

void BenchKvWrite(benchmark::State& state, CpuIsa isa, KvFormat format,
                  const Limits& limits) {
  constexpr int32_t kBlockSize = 32;
  const KernelSet kernels = KernelsFor(isa);
  const KvLayout layout{format, kBlockSize, kHeadDim};
  HugeBuffer memory = *HugeBuffer::Allocate(layout.head_bytes());
  const std::vector<float> row(kHeadDim, 0.5f);
  const int32_t table = 0;
  const KvHeadView view{layout, memory.bytes(), layout.head_bytes(), &table};
  int32_t position = 0;
  for (auto _ : state) {
    kernels.kv_write(view, position, row.data(), row.data());
    position = (position + 1) % kBlockSize;
    benchmark::ClobberMemory();
  }
  ReportInCache(state, 2.0 * kHeadDim * (4 + layout.element_bytes()), limits);
}

struct NamedOperator {
  const char* name;
  RowOperator which;
};
constexpr NamedOperator kOperators[] = {
    {"rms_norm", RowOperator::kRmsNorm},
    {"rms_norm_quantize", RowOperator::kRmsNormQuantize},
    {"swiglu", RowOperator::kSwiglu},
    {"swiglu_quantize", RowOperator::kSwigluQuantize},
    {"quantize", RowOperator::kQuantize}};

}  // namespace

void RegisterRows(const Limits& limits) {
  for (const CpuIsa isa : {CpuIsa::kScalar, CpuIsa::kAvx2, CpuIsa::kAvx512}) {
    if (!CpuSupports(isa)) continue;
    for (const NamedOperator& one : kOperators) {
      const std::string name =
          std::string(one.name) + "/" + std::string(CpuIsaName(isa));
      benchmark::RegisterBenchmark(name.c_str(), BenchRow, isa, one.which,
                                   limits)
          ->ArgName("columns")
          ->Arg(1024)
          ->Arg(8960);
    }
    const std::string name(CpuIsaName(isa));
    benchmark::RegisterBenchmark(("rope/" + name).c_str(), BenchRope, isa,
                                 limits);
    benchmark::RegisterBenchmark(("kv_write/" + name + "/bf16").c_str(),
                                 BenchKvWrite, isa, KvFormat::kBf16, limits);
    benchmark::RegisterBenchmark(("kv_write/" + name + "/int8").c_str(),
                                 BenchKvWrite, isa, KvFormat::kInt8, limits);
  }
}

}  // namespace sluice::generator::kernels
