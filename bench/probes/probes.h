#pragma once

// What the machine can do right now: the limits that kernels are judged by.
// Measured beside them in the same run, because shared machines drift.

#include <cstdint>

#include "services/generator/kernels/huge_buffer.h"
#include "services/generator/kernels/thread_pool.h"

namespace sluice::bench {

// Reads memory beyond any cache, all threads of a pool together.
// Threads: one call at a time.
class BandwidthProbe {
 public:
  // Takes 512 MiB. CHECKs that they can be had.
  explicit BandwidthProbe(generator::kernels::ThreadPool& pool);

  // Bytes per second over one pass.
  double Measure();

 private:
  generator::kernels::ThreadPool& pool_;
  generator::kernels::HugeBuffer memory_;
};

// 8-bit multiply-adds from registers alone, a multiply and an add counting as
// two operations, per second over all threads. 0 without AVX-512 VNNI.
double MeasureVnniPeak(generator::kernels::ThreadPool& pool);

// The same of float32 multiply-adds, and of bf16 ones that add to float32. 0
// without AVX-512, or its BF16.
double MeasureFloatPeak(generator::kernels::ThreadPool& pool);
double MeasureBf16Peak(generator::kernels::ThreadPool& pool);

// Bytes per second that one thread reads from a first-level cache.
double MeasureCacheBandwidth();

// Read `count` bytes, a multiple of 128, from an aligned address; return what
// depends on all of them. REQUIRES: the instruction set.
int32_t ReadLoopAvx2(const uint8_t* bytes, int64_t count);
int32_t ReadLoopAvx512(const uint8_t* bytes, int64_t count);
// The loop of MeasureVnniPeak on this thread: 16 instructions a turn. Returns
// what depends on all of them. REQUIRES: CpuHasAvx512Vnni.
int32_t VnniLoop(int64_t turns);
// As VnniLoop. REQUIRES: AVX-512, or CpuHasAvx512Bf16.
float FmaLoop(int64_t turns);
float Bf16Loop(int64_t turns);

}  // namespace sluice::bench
