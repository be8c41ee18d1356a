#include "services/generator/kernels/quant_linear.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "services/generator/kernels/half.h"
#include "services/generator/kernels/huge_buffer.h"
#include "services/generator/kernels/kernel_set.h"
#include "services/generator/kernels/quant_code.h"
#include "services/generator/kernels/rms_norm.h"
#include "services/generator/kernels/swiglu.h"

namespace sluice::generator::kernels {

// The code of QuantLinearAvxVnni in the encoding of AVX-512.
void QuantLinearYmmForTest(const QuantLinearCall& call, int32_t panel_begin,
                           int32_t panel_end);

namespace {

struct Format {
  int32_t bits, group;
  bool has_minimum;
};
const Format kFormats[] = {{8, 32, false}, {8, 64, false}, {8, 128, false},
                           {4, 32, false}, {4, 64, false}, {4, 128, false},
                           {4, 32, true},  {4, 64, true},  {4, 128, true}};

// Random codes over their whole range, scales of both signs.
struct Weights {
  Weights(const Format& format, int32_t rows, int32_t columns, uint32_t seed) {
    QuantMatrixView shape;
    shape.rows = rows;
    shape.columns = columns;
    shape.bits = format.bits;
    shape.group = format.group;
    shape.has_minimum = format.has_minimum;
    view = MakeQuantView(shape);
    const int64_t panels = (rows + kQuantPanelRows - 1) / kQuantPanelRows;
    const int64_t bytes = panels * view.panel_bytes;
    memory = *HugeBuffer::Allocate(bytes);
    view.panels = memory.bytes();
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> scale(-0.02f, 0.02f);
    for (int64_t i = 0; i < bytes; ++i) {
      memory.bytes()[i] = static_cast<uint8_t>(random());
    }
    for (int64_t at = 0; at < bytes; at += view.group_bytes) {
      for (int64_t i = 0; i < QuantCodeOffset(format.has_minimum); i += 2) {
        const uint16_t half = FloatToHalf(scale(random));
        std::memcpy(memory.bytes() + at + i, &half, 2);
      }
    }
  }

  HugeBuffer memory;
  QuantMatrixView view;
};

// Memory of quantised rows for some weights.
struct Rows {
  Rows(const QuantMatrixView& weights, int32_t rows)
      : blocks((weights.columns + kActivationBlock - 1) / kActivationBlock),
        values(*HugeBuffer::Allocate(size_t(blocks) * rows * kActivationBlock)),
        scales(size_t(blocks) * rows, -1.0f),
        sums(scales.size() * (kActivationBlock / weights.group), -1) {
    std::memset(values.bytes(), 0x55, values.size());
    view = {reinterpret_cast<int8_t*>(values.bytes()),
            scales.data(),
            sums.data(),
            rows,
            weights.columns,
            weights.group,
            SumFactor(weights.bits, weights.has_minimum)};
  }
  std::vector<int8_t> AllValues() const {
    return {view.values, view.values + values.size()};
  }

  int32_t blocks;
  HugeBuffer values;
  std::vector<float> scales;
  std::vector<int32_t> sums;
  QuantRowsView view;
};

std::vector<float> RandomFloats(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(count);
  for (float& value : out) value = normal(random);
  return out;
}

void Fill(const Rows& rows, const std::vector<float>& x) {
  for (int32_t m = 0; m < rows.view.rows; ++m) {
    QuantizeRowScalar(x.data() + size_t(m) * rows.view.columns, rows.view, m);
  }
}

struct Shape {
  int32_t rows, columns, x_rows;
};
// Odd ends everywhere: panels, groups, activation blocks, tiles, row blocks.
const Shape kShapes[] = {{1, 1, 1},    {32, 256, 1},  {33, 129, 2},
                         {95, 257, 3}, {64, 300, 5},  {31, 127, 6},
                         {40, 896, 7}, {70, 256, 13}, {33, 416, 97}};

struct Variant {
  const char* name;
  QuantLinearFn linear;
  bool (*supported)();
};
const Variant kVariants[] = {
    {"Avx2", QuantLinearAvx2, [] { return CpuSupports(CpuIsa::kAvx2); }},
    {"AvxVnni", QuantLinearAvxVnni, CpuHasAvxVnni},
    {"YmmVnni", QuantLinearYmmForTest, CpuHasAvx512Vnni},
    {"Avx512Vnni", QuantLinearAvx512Vnni, CpuHasAvx512Vnni}};

class QuantLinearTest : public testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    if (!GetParam().supported()) {
      GTEST_SKIP() << "this processor lacks " << GetParam().name;
    }
  }
};

TEST_P(QuantLinearTest, EqualsTheScalarOracleToTheBit) {
  for (const Format& format : kFormats) {
    for (const Shape& shape : kShapes) {
      const Weights weights(format, shape.rows, shape.columns, 1);
      const Rows rows(weights.view, shape.x_rows);
      Fill(rows, RandomFloats(size_t(shape.columns) * shape.x_rows, 2));
      const auto bias = RandomFloats(shape.rows, 3);
      const int64_t out_stride = shape.rows + 5;
      for (const bool add : {false, true}) {
        auto expected = RandomFloats(out_stride * shape.x_rows, 4);
        auto actual = expected;
        QuantLinearCall call{
            weights.view,    rows.view,  add ? nullptr : bias.data(),
            expected.data(), out_stride, add};
        const int32_t panels =
            (shape.rows + kQuantPanelRows - 1) / kQuantPanelRows;
        QuantLinearScalar(call, 0, panels);
        call.out = actual.data();
        GetParam().linear(call, 0, panels);
        ASSERT_EQ(actual, expected)
            << format.bits << " bits, groups of " << format.group << ", "
            << shape.rows << "x" << shape.columns << " " << shape.x_rows;
      }
    }
  }
}

TEST_P(QuantLinearTest, RowsDoNotDependOnTheirCompanyNorPanelsOnTheSplit) {
  constexpr int32_t kRows = 130, kColumns = 1100, kXRows = 101;
  for (const Format& format : kFormats) {
    const Weights weights(format, kRows, kColumns, 5);
    const auto x = RandomFloats(size_t{kColumns} * kXRows, 6);
    const Rows rows(weights.view, kXRows);
    Fill(rows, x);
    std::vector<float> together(size_t{kRows} * kXRows);
    QuantLinearCall call{weights.view,    rows.view, nullptr,
                         together.data(), kRows,     false};
    GetParam().linear(call, 0, 5);
    std::vector<float> alone(together.size());
    for (int32_t m = 0; m < kXRows; ++m) {
      const Rows one(weights.view, 1);
      QuantizeRowScalar(x.data() + size_t(m) * kColumns, one.view, 0);
      call.x = one.view;
      call.out = alone.data() + size_t(m) * kRows;
      for (int32_t p = 4; p >= 0; --p) GetParam().linear(call, p, p + 1);
    }
    ASSERT_EQ(alone, together) << format.bits << " " << format.group;
  }
}

INSTANTIATE_TEST_SUITE_P(All, QuantLinearTest, testing::ValuesIn(kVariants),
                         [](const auto& info) { return info.param.name; });

// The oracle itself, against doubles over the numbers that codes stand for.
// One group is exact up to its scaling; n groups and blocks of fused
// multiply-adds err by at most gamma_n times the sum of magnitudes.
TEST(QuantLinearScalar, IsWithinTheRoundingBoundOfDoubles) {
  constexpr int32_t kRows = 40, kColumns = 1000;
  for (const Format& format : kFormats) {
    const Weights weights(format, kRows, kColumns, 7);
    const Rows rows(weights.view, 1);
    Fill(rows, RandomFloats(kColumns, 8));
    std::vector<float> out(kRows);
    QuantLinearScalar(
        {weights.view, rows.view, nullptr, out.data(), kRows, false}, 0, 2);
    const double n = 2.0 * 256 / format.group + 4 + 2;
    const double gamma = n * 0x1p-24 / (1 - n * 0x1p-24);
    for (int32_t row = 0; row < kRows; ++row) {
      double sum = 0, magnitude = 0;
      for (int32_t k = 0; k < kColumns; ++k) {
        const QuantGroup group = GroupAt(weights.view, row, k / format.group);
        const double x =
            double{rows.scales[k / kActivationBlock]} * rows.view.values[k];
        const int32_t code = CodeAt(weights.view, row, k);
        const double scaled = double{group.scale} * (code - group.zero_point);
        sum += x * (scaled + group.minimum);
        magnitude += std::abs(x * scaled) + std::abs(x * group.minimum);
      }
      EXPECT_NEAR(out[row], sum, gamma * magnitude);
    }
  }
}

// Columns of every tail, with blocks of zeros, tiny and broken numbers.
std::vector<std::vector<float>> HardRows(int32_t columns) {
  std::vector<std::vector<float>> all(7, RandomFloats(columns, 12));
  std::fill(all[1].begin(), all[1].end(), 0.0f);
  for (float& value : all[2]) value *= 1e-37f;
  for (float& value : all[3]) value *= 1e-30f;
  all[4][columns / 2] = 3e4f;
  all[5][columns / 3] = std::numeric_limits<float>::quiet_NaN();
  all[6][columns - 1] = -std::numeric_limits<float>::infinity();
  return all;
}

void ExpectEqual(const Rows& actual, const Rows& expected) {
  ASSERT_EQ(actual.AllValues(), expected.AllValues());
  ASSERT_EQ(actual.sums, expected.sums);
  ASSERT_EQ(0, std::memcmp(actual.scales.data(), expected.scales.data(),
                           actual.scales.size() * sizeof(float)));
}

TEST(QuantizeRows, EveryVariantEqualsScalarOperatorsOneAfterTheOther) {
  for (const int32_t columns : {1, 31, 256, 300, 896, 1000}) {
    const auto hard = HardRows(columns);
    const int32_t count = static_cast<int32_t>(hard.size());
    const auto weight = RandomFloats(columns, 13);
    for (const Format& format : kFormats) {
      const Weights weights(format, 1, columns, 1);
      for (const CpuIsa isa :
           {CpuIsa::kScalar, CpuIsa::kAvx2, CpuIsa::kAvx512}) {
        if (!CpuSupports(isa)) continue;
        const KernelSet set = KernelsFor(isa);
        const Rows plain(weights.view, count),
            plain_oracle(weights.view, count);
        const Rows norm(weights.view, count), norm_oracle(weights.view, count);
        const Rows glu(weights.view, count), glu_oracle(weights.view, count);
        for (int32_t m = 0; m < count; ++m) {
          const float* x = hard[m].data();
          std::vector<float> out(columns);
          QuantizeRowScalar(x, plain_oracle.view, m);
          set.quantize_row(x, plain.view, m);
          RmsNormScalar(x, weight.data(), columns, 1e-6f, out.data());
          QuantizeRowScalar(out.data(), norm_oracle.view, m);
          set.rms_norm_quantize(x, weight.data(), 1e-6f, norm.view, m);
          SwigluScalar(x, weight.data(), columns, out.data());
          QuantizeRowScalar(out.data(), glu_oracle.view, m);
          set.swiglu_quantize(x, weight.data(), glu.view, m);
        }
        ExpectEqual(plain, plain_oracle);
        ExpectEqual(norm, norm_oracle);
        ExpectEqual(glu, glu_oracle);
      }
    }
  }
}

// Half a step of the scale, and the rounding of two products.
TEST(QuantizeRows, ErrIsAtMostHalfAStepAndTailsAreZero) {
  constexpr int32_t kColumns = 700;
  const Weights weights({8, 32, false}, 1, kColumns, 1);
  for (const auto& x : HardRows(kColumns)) {
    const Rows rows(weights.view, 1);
    QuantizeRowScalar(x.data(), rows.view, 0);
    for (int32_t k = 0; k < rows.blocks * kActivationBlock; ++k) {
      if (k >= kColumns) {
        EXPECT_EQ(rows.view.values[k], 0);
        continue;
      }
      const float scale = rows.scales[k / kActivationBlock];
      const double error = std::abs(double{scale} * rows.view.values[k] - x[k]);
      if (std::isnan(scale)) continue;
      EXPECT_LE(error, double{scale} * 0.50001 + kLeastActivation);
    }
  }
}

TEST(QuantizeRows, BrokenNumbersSpoilTheirRowAndNoOther) {
  constexpr int32_t kColumns = 300;
  const Weights weights({8, 32, false}, 33, kColumns, 1);
  for (const Variant& variant : kVariants) {
    if (!variant.supported()) continue;
    const auto hard = HardRows(kColumns);
    const int32_t count = static_cast<int32_t>(hard.size());
    const Rows rows(weights.view, count);
    for (int32_t m = 0; m < count; ++m) {
      QuantizeRowScalar(hard[m].data(), rows.view, m);
    }
    std::vector<float> out(size_t(count) * 33);
    variant.linear({weights.view, rows.view, nullptr, out.data(), 33, false}, 0,
                   2);
    for (int32_t m = 0; m < count; ++m) {
      for (int32_t i = 0; i < 33; ++i) {
        EXPECT_EQ(std::isnan(out[size_t(m) * 33 + i]), m >= 5) << m << " " << i;
      }
    }
  }
}

}  // namespace
}  // namespace sluice::generator::kernels
