// What works on one row at a time, on one thread, from the cache.

#include <cmath>
#include <string>
#include <vector>

#include "bench/micro/kernel_bench.h"
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

void BenchRow(benchmark::State& state, CpuIsa isa, RowOperator which) {
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
  state.counters["columns/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * columns,
                         benchmark::Counter::kIsRate);
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

void RegisterRows(const Limits&) {
  for (const CpuIsa isa : {CpuIsa::kScalar, CpuIsa::kAvx2, CpuIsa::kAvx512}) {
    if (!CpuSupports(isa)) continue;
    for (const NamedOperator& one : kOperators) {
      const std::string name =
          std::string(one.name) + "/" + std::string(CpuIsaName(isa));
      benchmark::RegisterBenchmark(name.c_str(), BenchRow, isa, one.which)
          ->ArgName("columns")
          ->Arg(1024)
          ->Arg(8960);
    }
  }
}

}  // namespace sluice::generator::kernels
