// Attention over a long cache: one position at a time is bound by the read
// bandwidth.

#include <string>
#include <vector>

#include "bench/micro/kernel_bench.h"
#include "services/generator/kernels/huge_buffer.h"
#include "services/generator/kernels/kernel_set.h"

namespace sluice::generator::kernels {
namespace {

constexpr int32_t kBlockSize = 32;
constexpr int32_t kDepth = 1024;

// KV heads of one layer; enough sequences that the cache is in memory.
struct Shape {
  const char* name;
  int32_t kv_heads, group, head_dim, sequences;
};
constexpr Shape kShapes[] = {{"a", 16, 1, 64, 96}, {"b", 2, 6, 128, 384}};

const char* NameOf(KvFormat format) {
  switch (format) {
    case KvFormat::kF32:
      return "f32";
    case KvFormat::kBf16:
      return "bf16";
    default:
      return "int8";
  }
}

class Cache {
 public:
  Cache(const Shape& shape, KvFormat format) : shape_(shape) {
    layout_ = {format, kBlockSize, shape.head_dim};
    blocks_ = kDepth / kBlockSize;
    // Zeros of any format.
    memory_ = *HugeBuffer::Allocate(bytes() * shape.sequences);
    for (size_t i = 0; i < memory_.size(); i += 4096) memory_.bytes()[i] = 0;
    for (int32_t b = 0; b < blocks_; ++b) table_.push_back(b);
  }
  int64_t bytes() const {  // of one sequence
    return layout_.head_bytes() * shape_.kv_heads * blocks_;
  }
  KvHeadView View(int64_t sequence, int32_t head) {
    return {.layout = layout_,
            .base = memory_.bytes() + sequence * bytes() +
                    head * layout_.head_bytes(),
            .block_stride = layout_.head_bytes() * shape_.kv_heads,
            .block_table = table_.data()};
  }

 private:
  Shape shape_;
  KvLayout layout_;
  int32_t blocks_ = 0;
  HugeBuffer memory_;
  std::vector<int32_t> table_;
};

// `rows` positions at the end of the cache, one sequence a turn.
void BenchAttention(benchmark::State& state, CpuIsa isa, Shape shape,
                    KvFormat format, const Limits& limits) {
  const int32_t rows = static_cast<int32_t>(state.range(0));
  const KernelSet kernels = KernelsFor(isa);
  ThreadPool pool({.threads = limits.threads});
  Cache cache(shape, format);
  const int64_t stride = int64_t{shape.kv_heads} * shape.group * shape.head_dim;
  std::vector<float> q(stride * rows, 0.1f);
  std::vector<float> out(stride * rows);
  int64_t sequence = 0;
  for (auto _ : state) {
    pool.Run([&](ThreadPool::Worker& worker) {
      worker.For(shape.kv_heads, 1, [&](int64_t head, int64_t) {
        const int64_t offset = head * shape.group * shape.head_dim;
        const AttentionCall call{cache.View(sequence, static_cast<int>(head)),
                                 q.data() + offset,
                                 stride,
                                 shape.group,
                                 kDepth - rows,
                                 0.125f,
                                 out.data() + offset,
                                 stride};
        kernels.attention(call, 0, rows * shape.group);
      });
    });
    sequence = (sequence + 1) % shape.sequences;
    benchmark::ClobberMemory();
  }
  Report(state,
         {.bytes = static_cast<double>(cache.bytes()),
          .operations = 4.0 * rows * stride * (kDepth - rows / 2.0),
          .peak = format == KvFormat::kBf16 && limits.bf16_peak > 0
                      ? limits.bf16_peak
                      : limits.float_peak},
         limits);
}

}  // namespace

void RegisterAttention(const Limits& limits) {
  for (const CpuIsa isa : {CpuIsa::kAvx2, CpuIsa::kAvx512}) {
    if (!CpuSupports(isa)) continue;
    for (const Shape& shape : kShapes) {
      for (const KvFormat format :
           {KvFormat::kF32, KvFormat::kBf16, KvFormat::kInt8}) {
        const std::string name = "attention/" + std::string(CpuIsaName(isa)) +
                                 "/" + shape.name + "/" + NameOf(format);
        benchmark::RegisterBenchmark(name.c_str(), BenchAttention, isa, shape,
                                     format, limits)
            ->ArgName("rows")
            ->Arg(1)
            ->Arg(4)
            ->Arg(256)
            ->UseRealTime();
      }
    }
  }
}

}  // namespace sluice::generator::kernels
