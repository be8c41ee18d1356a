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
constexpr int64_t kPeakTurns = 400'000;
// A turn is 16 instructions, a lane a multiply and an add.
constexpr double kLanesPerTurn = 16 * 2;
constexpr int64_t kCacheBytes = 16 << 10;
constexpr int kCacheTurns = 20'000;

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
      .count();
}

using ReadLoop = int32_t (*)(const uint8_t* bytes, int64_t count);

int32_t ReadLoopScalar(const uint8_t* bytes, int64_t count) {
  uint64_t sum = 0;
  for (int64_t i = 0; i < count; i += 8) {
    uint64_t word;
    std::memcpy(&word, bytes + i, sizeof(word));
    sum ^= word;
  }
  return static_cast<int32_t>(sum ^ sum >> 32);
}

ReadLoop BestReadLoop() {
  switch (generator::kernels::BestCpuIsa()) {
    case generator::kernels::CpuIsa::kAvx512:
      return ReadLoopAvx512;
    case generator::kernels::CpuIsa::kAvx2:
      return ReadLoopAvx2;
    default:
      return ReadLoopScalar;
  }
}

}  // namespace

BandwidthProbe::BandwidthProbe(ThreadPool& pool) : pool_(pool) {
  auto memory = HugeBuffer::Allocate(kProbeBytes);
  if (!memory.has_value()) std::abort();
  memory_ = *std::move(memory);
  std::memset(memory_.bytes(), 1, memory_.size());
}

double BandwidthProbe::Measure() {
  const ReadLoop read = BestReadLoop();
  std::atomic<int32_t> sink{0};
  const auto start = std::chrono::steady_clock::now();
  pool_.Run([&](ThreadPool::Worker& worker) {
    worker.For(kProbeBytes / kShareBytes, 1, [&](int64_t share, int64_t) {
      sink ^= read(memory_.bytes() + share * kShareBytes, kShareBytes);
    });
  });
  return static_cast<double>(kProbeBytes) / SecondsSince(start);
}

namespace {

// Operations per second of a loop over registers of `lanes` numbers.
template <typename Loop>
double MeasurePeak(ThreadPool& pool, int lanes, const Loop& loop) {
  std::atomic<int64_t> sink{0};
  const auto start = std::chrono::steady_clock::now();
  pool.Run([&](ThreadPool::Worker&) {
    sink += static_cast<int64_t>(loop(kPeakTurns));
  });
  return kLanesPerTurn * lanes * kPeakTurns * pool.threads() /
         SecondsSince(start);
}

}  // namespace

double MeasureVnniPeak(ThreadPool& pool) {
  if (!generator::kernels::CpuHasAvx512Vnni()) return 0;
  return MeasurePeak(pool, 64, VnniLoop);
}

double MeasureFloatPeak(ThreadPool& pool) {
  using generator::kernels::CpuIsa;
  if (!generator::kernels::CpuSupports(CpuIsa::kAvx512)) return 0;
  return MeasurePeak(pool, 16, FmaLoop);
}

double MeasureBf16Peak(ThreadPool& pool) {
  if (!generator::kernels::CpuHasAvx512Bf16()) return 0;
  return MeasurePeak(pool, 32, Bf16Loop);
}

double MeasureCacheBandwidth() {
  const ReadLoop read = BestReadLoop();
  alignas(64) static constexpr uint8_t kBytes[kCacheBytes] = {1};
  int32_t sink = 0;
  const auto start = std::chrono::steady_clock::now();
  for (int turn = 0; turn < kCacheTurns; ++turn) {
    sink += read(kBytes, kCacheBytes);
    asm volatile("" : "+r"(sink));
  }
  return static_cast<double>(kCacheBytes) * kCacheTurns / SecondsSince(start);
}

}  // namespace sluice::bench
