#pragma once

// Benchmarks of the kernels, each beside the limit of the machine. Names are
// operator/instruction set/shape/format/rows.

#include <benchmark/benchmark.h>

#include <cstdint>

#include "services/generator/kernels/cpu_isa.h"
#include "services/generator/kernels/thread_pool.h"

namespace sluice::generator::kernels {

// What is compared with. Probed once before the benchmarks and printed.
struct Limits {
  double bandwidth = 0;        // bytes per second
  double cache_bandwidth = 0;  // of one thread
  // Operations per second; 0 where the processor lacks them.
  double vnni_peak = 0;   // 8 bits
  double float_peak = 0;  // float32
  double bf16_peak = 0;   // bf16 into float32
  int threads = 1;
};

// Probes with all threads and prints what it found.
Limits ProbeLimits(int threads);

// Adds GB/s and operations per second to a finished benchmark, and the share
// of the nearer limit: "% of bandwidth" or, with a peak, "% of peak".
struct Work {
  double bytes = 0;       // read from memory, per turn
  double operations = 0;  // per turn
  double peak = 0;        // operations per second, 0: bandwidth only
};
// The same of what one thread does in its cache: "% of cache".
void ReportInCache(benchmark::State& state, double bytes, const Limits& limits);
void Report(benchmark::State& state, const Work& work, const Limits& limits);

// Per instruction set that this machine has, scalar aside.
void RegisterLinear(const Limits& limits);
void RegisterQuantLinear(const Limits& limits);
void RegisterAttention(const Limits& limits);
void RegisterRows(const Limits& limits);

}  // namespace sluice::generator::kernels
