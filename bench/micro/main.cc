#include <algorithm>
#include <thread>

#include "bench/micro/kernel_bench.h"

namespace kernels = sluice::generator::kernels;

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  const int threads = std::max(1u, std::thread::hardware_concurrency());
  const kernels::Limits limits = kernels::ProbeLimits(threads);
  kernels::RegisterLinear(limits);
  kernels::RegisterQuantLinear(limits);
  kernels::RegisterAttention(limits);
  kernels::RegisterRows(limits);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
