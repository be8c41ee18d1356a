#include <algorithm>
#include <cstdio>

#include "bench/micro/kernel_bench.h"
#include "bench/probes/probes.h"

namespace sluice::generator::kernels {

Limits ProbeLimits(int threads) {
  constexpr int kRounds = 5;
  Limits limits;
  limits.threads = threads;
  ThreadPool pool({.threads = threads});
  bench::BandwidthProbe bandwidth(pool);
  for (int round = 0; round < kRounds; ++round) {
    limits.bandwidth = std::max(limits.bandwidth, bandwidth.Measure());
    limits.cache_bandwidth =
        std::max(limits.cache_bandwidth, bench::MeasureCacheBandwidth());
    limits.vnni_peak = std::max(limits.vnni_peak, bench::MeasureVnniPeak(pool));
    limits.float_peak =
        std::max(limits.float_peak, bench::MeasureFloatPeak(pool));
    limits.bf16_peak = std::max(limits.bf16_peak, bench::MeasureBf16Peak(pool));
  }
  std::printf(
      "%d threads: read bandwidth %.1f GB/s (one thread in its cache %.0f), "
      "peaks: 8-bit %.0f, bf16 %.0f, float32 %.0f Gop/s\n",
      threads, limits.bandwidth / 1e9, limits.cache_bandwidth / 1e9,
      limits.vnni_peak / 1e9, limits.bf16_peak / 1e9, limits.float_peak / 1e9);
  return limits;
}

void ReportInCache(benchmark::State& state, double bytes,
                   const Limits& limits) {
  using Counter = benchmark::Counter;
  const double all = static_cast<double>(state.iterations()) * bytes;
  state.counters["GB/s"] = Counter(all / 1e9, Counter::kIsRate);
  state.counters["% of cache"] =
      Counter(all * 100 / limits.cache_bandwidth, Counter::kIsRate);
}

void Report(benchmark::State& state, const Work& work, const Limits& limits) {
  using Counter = benchmark::Counter;
  const double turns = static_cast<double>(state.iterations());
  state.counters["GB/s"] = Counter(turns * work.bytes / 1e9, Counter::kIsRate);
  state.counters["Gop/s"] =
      Counter(turns * work.operations / 1e9, Counter::kIsRate);
  const double by_bytes =
      limits.bandwidth > 0 ? work.bytes / limits.bandwidth : 0;
  const double by_peak = work.peak > 0 ? work.operations / work.peak : 0;
  const double least_seconds = std::max(by_bytes, by_peak);
  state.counters[by_peak > by_bytes ? "% of peak" : "% of bandwidth"] =
      Counter(turns * least_seconds * 100, Counter::kIsRate);
}

}  // namespace sluice::generator::kernels
