#include "services/generator/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "services/generator/kernels/bf16.h"
#include "services/generator/kernels/huge_buffer.h"
#include "services/generator/kernels/kernel_set.h"

namespace sluice::generator::kernels {
namespace {

std::vector<float> RandomFloats(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(count);
  for (float& value : out) value = normal(random);
  return out;
}

// One KV head in blocks from last to first; what was never written is NaN, so
// that whatever uses it shows.
struct Cache {
  Cache(KvFormat format, int32_t block_size, int32_t head_dim,
        int32_t positions, const KernelSet& kernels)
      : keys(RandomFloats(static_cast<size_t>(positions) * head_dim, 11)),
        values(RandomFloats(static_cast<size_t>(positions) * head_dim, 12)) {
    view.layout = {format, block_size, head_dim};
    const int32_t blocks = (positions + block_size - 1) / block_size;
    memory = *HugeBuffer::Allocate(view.layout.head_bytes() * blocks);
    for (size_t i = 0; i < memory.size() / 2; ++i) {
      reinterpret_cast<uint16_t*>(memory.bytes())[i] = 0x7fc0;
    }
    for (int32_t b = 0; b < blocks; ++b) table.push_back(blocks - 1 - b);
    view.base = memory.bytes();
    view.block_stride = view.layout.head_bytes();
    view.block_table = table.data();
    for (int32_t p = 0; p < positions; ++p) {
      kernels.kv_write(view, p, &keys[static_cast<size_t>(p) * head_dim],
                       &values[static_cast<size_t>(p) * head_dim]);
    }
  }

  // Number i of a plain [positions, head_dim] array as it is stored.
  double Stored(const std::vector<float>& plain, int32_t i) const {
    const KvLayout& layout = view.layout;
    if (layout.format == KvFormat::kF32) return plain[i];
    if (layout.format == KvFormat::kBf16) {
      return Bf16ToFloat(FloatToBf16(plain[i]));
    }
    const auto row = plain.begin() + i / layout.head_dim * layout.head_dim;
    double largest = 0;
    for (auto x = row; x != row + layout.head_dim; ++x) {
      largest = std::max(largest, std::abs(double{*x}));
    }
    return std::nearbyint(plain[i] * (127 / largest)) * (largest / 127);
  }

  std::vector<float> keys, values;
  HugeBuffer memory;
  std::vector<int32_t> table;
  KvHeadView view;
};

struct NaiveResult {
  std::vector<double> out;
  std::vector<double> magnitude;  // the same of the values' magnitudes
};

// Softmax attention in doubles over all positions at once.
NaiveResult Naive(const Cache& cache, const float* q, int32_t length,
                  float scale) {
  const int32_t dim = cache.view.layout.head_dim;
  const bool rounds = cache.view.layout.format == KvFormat::kBf16;
  std::vector<double> scaled(dim);
  for (int32_t d = 0; d < dim; ++d) {
    scaled[d] = q[d] * scale;
    if (rounds) scaled[d] = Bf16ToFloat(FloatToBf16(q[d] * scale));
  }
  std::vector<double> scores(length);
  double max = -std::numeric_limits<double>::infinity();
  for (int32_t p = 0; p < length; ++p) {
    for (int32_t d = 0; d < dim; ++d) {
      scores[p] += scaled[d] * cache.Stored(cache.keys, p * dim + d);
    }
    max = std::max(max, scores[p]);
  }
  double sum = 0;
  NaiveResult result{std::vector<double>(dim), std::vector<double>(dim)};
  for (int32_t p = 0; p < length; ++p) {
    const double weight = std::exp(scores[p] - max);
    sum += weight;
    for (int32_t d = 0; d < dim; ++d) {
      const double value = cache.Stored(cache.values, p * dim + d);
      result.out[d] += weight * value;
      result.magnitude[d] += weight * std::abs(value);
    }
  }
  for (int32_t d = 0; d < dim; ++d) {
    result.out[d] /= sum;
    result.magnitude[d] /= sum;
  }
  return result;
}

class AttentionTest
    : public testing::TestWithParam<std::tuple<CpuIsa, KvFormat>> {
 protected:
  void SetUp() override {
    if (!CpuSupports(isa())) {
      GTEST_SKIP() << "this processor lacks " << CpuIsaName(isa());
    }
    kernels_ = KernelsFor(isa());
  }
  CpuIsa isa() const { return std::get<0>(GetParam()); }
  KvFormat format() const { return std::get<1>(GetParam()); }

  KernelSet kernels_;
};

struct Case {
  int32_t block_size, head_dim, group, first_position, rows;
};

const Case kCases[] = {{16, 2, 1, 0, 1},    {16, 64, 1, 0, 5},
                       {32, 64, 4, 63, 1},  {32, 64, 7, 64, 3},
                       {48, 80, 3, 100, 9}, {32, 128, 6, 500, 1},
                       {64, 10, 2, 60, 70}, {32, 96, 1, 127, 2},
                       {32, 34, 5, 254, 4}, {16, 64, 2, 1029, 2}};

// The vectors of a case as they lie in their rows.
struct Queries {
  explicit Queries(const Case& c, uint32_t seed)
      : stride(int64_t{c.group} * c.head_dim + 3),
        q(RandomFloats(stride * c.rows, seed)) {}

  AttentionCall Call(const Case& c, const Cache& cache,
                     std::vector<float>& out) const {
    out.assign(q.size(), 0.0f);
    return {cache.view,       q.data(), stride,     c.group,
            c.first_position, 0.3f,     out.data(), stride};
  }

  int64_t stride;
  std::vector<float> q;
};

TEST_P(AttentionTest, EqualsTheScalarOracleToTheBit) {
  for (const Case& c : kCases) {
    const Cache cache(format(), c.block_size, c.head_dim,
                      c.first_position + c.rows, kernels_);
    const Queries queries(c, 13);
    std::vector<float> expected, actual;
    AttentionScalar(queries.Call(c, cache, expected), 0, c.rows * c.group);
    kernels_.attention(queries.Call(c, cache, actual), 0, c.rows * c.group);
    EXPECT_EQ(actual, expected) << c.head_dim << " " << c.first_position;
  }
}

// Vectors that all stand in the last part.
TEST_P(AttentionTest, PartsMergeToTheSameBits) {
  const Case cases[] = {{32, 64, 1, 255, 1},  {16, 80, 6, 256, 1},
                        {32, 128, 6, 700, 1}, {48, 10, 7, 1023, 1},
                        {32, 64, 2, 600, 5},  {16, 34, 1, 30, 1}};
  for (const Case& c : cases) {
    const Cache cache(format(), c.block_size, c.head_dim,
                      c.first_position + c.rows, kernels_);
    const Queries queries(c, 17);
    const int32_t vectors = c.rows * c.group;
    std::vector<float> expected, actual;
    AttentionScalar(queries.Call(c, cache, expected), 0, vectors);
    AttentionCall call = queries.Call(c, cache, actual);
    const int32_t parts = AttentionParts(c.first_position + c.rows);
    std::vector<float> partials(parts * vectors *
                                PartialFloats(cache.view.layout));
    call.partials = partials.data();
    for (call.part = parts - 1; call.part >= 0; --call.part) {
      kernels_.attention(call, 0, vectors);
    }
    call.part = parts;
    kernels_.attention_merge(call, 0, vectors);
    EXPECT_EQ(actual, expected) << c.head_dim << " " << c.first_position;
  }
}

// What is too small for a normal number on the way, in every place of it.
TEST_P(AttentionTest, TinyNumbersHaveTheSameBits) {
  for (const float tiny : {1e-39f, 1e-36f, 1e-30f, 1e-20f}) {
    Cache cache(format(), 16, 32, 300, kernels_);
    for (size_t i = 0; i < cache.keys.size(); i += 3) {
      cache.keys[i] *= tiny;
      cache.values[i] *= tiny;
    }
    for (int32_t p = 0; p < 300; ++p) {
      kernels_.kv_write(cache.view, p, &cache.keys[p * 32],
                        &cache.values[p * 32]);
    }
    const Case c{16, 32, 3, 290, 10};
    Queries queries(c, 18);
    for (size_t i = 0; i < queries.q.size(); i += 2) queries.q[i] *= tiny;
    std::vector<float> expected, actual;
    AttentionScalar(queries.Call(c, cache, expected), 0, 30);
    kernels_.attention(queries.Call(c, cache, actual), 0, 30);
    EXPECT_EQ(actual, expected) << tiny;
  }
}

// Processors with the bf16 multiply-add run the code for those without as well.
TEST(Attention, Avx512WithoutBf16HasTheSameBits) {
  if (!CpuSupports(CpuIsa::kAvx512)) GTEST_SKIP() << "no AVX-512";
  const KernelSet kernels = KernelsFor(CpuIsa::kAvx512);
  for (const KvFormat format :
       {KvFormat::kF32, KvFormat::kBf16, KvFormat::kInt8}) {
    for (const Case& c : kCases) {
      const Cache cache(format, c.block_size, c.head_dim,
                        c.first_position + c.rows, kernels);
      const Queries queries(c, 19);
      std::vector<float> expected, actual;
      AttentionScalar(queries.Call(c, cache, expected), 0, c.rows * c.group);
      AttentionAvx512(queries.Call(c, cache, actual), 0, c.rows * c.group);
      EXPECT_EQ(actual, expected) << c.head_dim << " " << c.first_position;
    }
  }
}

// A score is off by at most gamma_d |q||k| scale, which a weight feels as a
// factor; the weighted mean adds gamma_n of its own. 1e-5 of the largest value
// bounds both generously for these sizes (d <= 128, n <= 1031). With bf16 each
// weight is rounded, by 2^-9 of itself at most.
TEST_P(AttentionTest, IsCloseToNaiveAttentionInDoubles) {
  for (const Case& c : kCases) {
    const Cache cache(format(), c.block_size, c.head_dim,
                      c.first_position + c.rows, kernels_);
    const int64_t stride = c.group * c.head_dim;
    const auto q = RandomFloats(stride * c.rows, 14);
    const float scale = 1.0f / std::sqrt(static_cast<float>(c.head_dim));
    const double rounding = format() == KvFormat::kBf16 ? 0x1p-9 : 0;
    std::vector<float> out(q.size());
    kernels_.attention({cache.view, q.data(), stride, c.group, c.first_position,
                        scale, out.data(), stride},
                       0, c.rows * c.group);
    for (int32_t v = 0; v < c.rows * c.group; ++v) {
      const auto expected =
          Naive(cache, q.data() + static_cast<size_t>(v) * c.head_dim,
                c.first_position + v / c.group + 1, scale);
      for (int32_t d = 0; d < c.head_dim; ++d) {
        ASSERT_NEAR(out[static_cast<size_t>(v) * c.head_dim + d],
                    expected.out[d], 5e-5 + rounding * expected.magnitude[d])
            << v << " " << d;
      }
    }
  }
}

TEST_P(AttentionTest, AVectorDoesNotDependOnItsCompanyOrTheChunking) {
  const int32_t dim = 64, group = 3, positions = 150;
  const Cache cache(format(), 32, dim, positions, kernels_);
  const int64_t stride = group * dim;
  const auto q = RandomFloats(stride * positions, 15);
  std::vector<float> whole(q.size());
  kernels_.attention(
      {cache.view, q.data(), stride, group, 0, 0.125f, whole.data(), stride}, 0,
      positions * group);
  for (int32_t chunk : {1, 2, 7, 64}) {
    std::vector<float> parts(q.size());
    for (int32_t first = 0; first < positions; first += chunk) {
      const int32_t rows = std::min(chunk, positions - first);
      const AttentionCall call{
          cache.view, q.data() + first * stride,     stride, group, first,
          0.125f,     parts.data() + first * stride, stride};
      const int32_t middle = rows * group / 2;
      kernels_.attention(call, 0, middle);
      kernels_.attention(call, middle, rows * group);
    }
    EXPECT_EQ(parts, whole) << chunk;
  }
}

TEST_P(AttentionTest, BlockSizeDoesNotChangeBits) {
  const int32_t dim = 32, positions = 130;
  const auto q = RandomFloats(dim, 16);
  std::vector<std::vector<float>> outs;
  for (int32_t block_size : {16, 32, 48, 64, 128}) {
    const Cache cache(format(), block_size, dim, positions, kernels_);
    std::vector<float> out(dim);
    kernels_.attention(
        {cache.view, q.data(), dim, 1, positions - 1, 0.2f, out.data(), dim}, 0,
        1);
    outs.push_back(out);
    EXPECT_EQ(outs.back(), outs.front()) << block_size;
  }
}

TEST_P(AttentionTest, KvWriteStoresTheSameBytesAsTheScalarOne) {
  for (int32_t dim : {2, 10, 64, 100}) {
    const Cache ours(format(), 32, dim, 40, kernels_);
    const Cache oracle(format(), 32, dim, 40, KernelsFor(CpuIsa::kScalar));
    const KvLayout& layout = ours.view.layout;
    for (int32_t p = 0; p < 40; ++p) {
      const int64_t block = ours.table[p / 32] * layout.head_bytes();
      const int32_t slot = p % 32;
      for (int32_t d = 0; d < dim; ++d) {
        const int64_t key =
            block + layout.element_bytes() * layout.key_index(slot, d);
        const int64_t value =
            block + layout.value_offset() +
            layout.element_bytes() * layout.value_index(slot, d);
        for (int64_t at : {key, value}) {
          ASSERT_EQ(
              std::memcmp(ours.memory.bytes() + at, oracle.memory.bytes() + at,
                          layout.element_bytes()),
              0)
              << dim << " " << p << " " << d;
        }
      }
    }
  }
}

// Zero, tiny, huge and broken numbers among ordinary ones.
TEST(KvWriteInt8, ScalesAndBytesOfEveryVariantAreTheScalarOnes) {
  const int32_t dim = 20;
  for (const CpuIsa isa : {CpuIsa::kAvx2, CpuIsa::kAvx512}) {
    if (!CpuSupports(isa)) continue;
    const KernelSet kernels = KernelsFor(isa);
    const Cache ours(KvFormat::kInt8, 32, dim, 40, kernels);
    const Cache oracle(KvFormat::kInt8, 32, dim, 40,
                       KernelsFor(CpuIsa::kScalar));
    for (int32_t p = 0; p < 12; ++p) {
      auto key = RandomFloats(dim, 30 + p);
      auto value = RandomFloats(dim, 60 + p);
      const float factors[] = {0.0f, 1e-38f, 1e-30f, 1e30f, 1.0f, 1.0f};
      for (float& x : key) x *= factors[p % 6];
      for (float& x : value) x *= factors[(p + 1) % 6];
      if (p == 4) key[17] = std::numeric_limits<float>::quiet_NaN();
      if (p == 5) value[3] = -std::numeric_limits<float>::infinity();
      kernels.kv_write(ours.view, p, key.data(), value.data());
      KvWriteScalar(oracle.view, p, key.data(), value.data());
    }
    // All of a block counts: padding was never written.
    EXPECT_EQ(0, std::memcmp(ours.memory.bytes(), oracle.memory.bytes(),
                             ours.memory.size()));
  }
}

std::string NameOf(
    const testing::TestParamInfo<std::tuple<CpuIsa, KvFormat>>& info) {
  return std::string(CpuIsaName(std::get<0>(info.param))) +
         (std::get<1>(info.param) == KvFormat::kF32    ? "F32"
          : std::get<1>(info.param) == KvFormat::kBf16 ? "Bf16"
                                                       : "Int8");
}

INSTANTIATE_TEST_SUITE_P(
    All, AttentionTest,
    testing::Combine(
        testing::Values(CpuIsa::kScalar, CpuIsa::kAvx2, CpuIsa::kAvx512),
        testing::Values(KvFormat::kF32, KvFormat::kBf16, KvFormat::kInt8)),
    NameOf);

}  // namespace
}  // namespace sluice::generator::kernels
