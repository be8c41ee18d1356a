#include "bench/probes/probes.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "services/generator/kernels/cpu_isa.h"

namespace sluice::bench {
namespace {

using generator::kernels::HugeBuffer;
using generator::kernels::ThreadPool;

constexpr int64_t kProbeBytes = int64_t{512} << 20;
constexpr int64_t kShareBytes = int64_t{256} << 10;
constexpr int64_t kVnniTurns = 400'000;
constexpr double kOpsPerTurn = 16 * 2 * 64;

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
      .count();
}

uint64_t SumOf(const uint8_t* bytes, int64_t count) {
  uint64_t sums[8] = {};
  for (int64_t i = 0; i < count; i += 64) {
    uint64_t words[8];
    std::memcpy(words, bytes + i, sizeof(words));
    for (int lane = 0; lane < 8; ++lane) sums[lane] ^= words[lane];
  }
  uint64_t sum = 0;
  for (uint64_t lane : sums) sum ^= lane;
  return sum;
}

}  // namespace

BandwidthProbe::BandwidthProbe(ThreadPool& pool) : pool_(pool) {
  auto memory = HugeBuffer::Allocate(kProbeBytes);
  if (!memory.has_value()) std::abort();
  memory_ = *std::move(memory);
  std::memset(memory_.bytes(), 1, memory_.size());
}

double BandwidthProbe::Measure() {
  std::atomic<uint64_t> sink{0};
  const auto start = std::chrono::steady_clock::now();
  pool_.Run([&](ThreadPool::Worker& worker) {
    worker.For(kProbeBytes / kShareBytes, 1, [&](int64_t share, int64_t) {
      sink ^= SumOf(memory_.bytes() + share * kShareBytes, kShareBytes);
    });
  });
  return static_cast<double>(kProbeBytes) / SecondsSince(start);
}

double MeasureVnniPeak(ThreadPool& pool) {
  if (!generator::kernels::CpuHasAvx512Vnni()) return 0;
  std::atomic<int32_t> sink{0};
  const auto start = std::chrono::steady_clock::now();
  pool.Run([&](ThreadPool::Worker&) { sink += VnniLoop(kVnniTurns); });
  return kOpsPerTurn * kVnniTurns * pool.threads() / SecondsSince(start);
}

}  // namespace sluice::bench
