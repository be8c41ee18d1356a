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

double MeasureVnniPeak(ThreadPool& pool) {
  if (!generator::kernels::CpuHasAvx512Vnni()) return 0;
  std::atomic<int32_t> sink{0};
  const auto start = std::chrono::steady_clock::now();
  pool.Run([&](ThreadPool::Worker&) { sink += VnniLoop(kVnniTurns); });
  return kOpsPerTurn * kVnniTurns * pool.threads() / SecondsSince(start);
}

}  // namespace sluice::bench
