#include "services/generator/kernels/linear.h"

#include <cmath>
#include <random>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "services/generator/kernels/bf16.h"
#include "services/generator/kernels/embedding.h"
#include "services/generator/kernels/huge_buffer.h"
#include "services/generator/kernels/kernel_set.h"

namespace sluice::generator::kernels {
namespace {

// A random matrix, plain and packed.
struct Matrix {
  Matrix(int32_t rows, int32_t columns, WeightFormat format, uint32_t seed)
      : values(static_cast<size_t>(rows) * columns) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    const size_t element = format == WeightFormat::kF32 ? 4 : 2;
    packed = *HugeBuffer::Allocate(static_cast<size_t>(PanelCount(rows)) *
                                   kPanelRows * columns * element);
    view = {packed.bytes(), format, rows, columns};
    for (int32_t row = 0; row < rows; ++row) {
      for (int32_t k = 0; k < columns; ++k) {
        float value = normal(random);
        const size_t at =
            (static_cast<size_t>(row / kPanelRows) * columns + k) * kPanelRows +
            row % kPanelRows;
        if (format == WeightFormat::kF32) {
          packed.floats()[at] = value;
        } else {
          const uint16_t bits = FloatToBf16(value);
          reinterpret_cast<uint16_t*>(packed.bytes())[at] = bits;
          value = Bf16ToFloat(bits);
        }
        values[static_cast<size_t>(row) * columns + k] = value;
      }
    }
  }

  std::vector<float> values;
  HugeBuffer packed;
  PackedMatrixView view;
};

std::vector<float> RandomFloats(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(count);
  for (float& value : out) value = normal(random);
  return out;
}

struct Shape {
  int32_t rows, columns, x_rows;
};

// Odd ends everywhere: panels, reduction blocks, tiles, row blocks.
const Shape kShapes[] = {
    {1, 1, 1},    {32, 128, 1}, {33, 129, 2},  {95, 257, 3},  {64, 300, 5},
    {31, 127, 6}, {40, 131, 7}, {70, 256, 13}, {33, 140, 97}, {8, 16, 200}};

class LinearTest
    : public testing::TestWithParam<std::tuple<CpuIsa, WeightFormat>> {
 protected:
  void SetUp() override {
    if (!CpuSupports(isa())) {
      GTEST_SKIP() << "this processor lacks " << CpuIsaName(isa());
    }
  }
  CpuIsa isa() const { return std::get<0>(GetParam()); }
  WeightFormat format() const { return std::get<1>(GetParam()); }
  LinearFn linear() const { return KernelsFor(isa()).linear; }
};

TEST_P(LinearTest, EqualsTheScalarOracleToTheBit) {
  for (const Shape& shape : kShapes) {
    const Matrix matrix(shape.rows, shape.columns, format(), 1);
    // Strides wider than the rows; what lies between must stay.
    const int64_t x_stride = shape.columns + 3;
    const int64_t out_stride = shape.rows + 5;
    const auto x = RandomFloats(x_stride * shape.x_rows, 2);
    const auto bias = RandomFloats(shape.rows, 3);
    for (bool add : {false, true}) {
      auto expected = RandomFloats(out_stride * shape.x_rows, 4);
      auto actual = expected;
      LinearCall call{matrix.view,  add ? nullptr : bias.data(),
                      x.data(),     x_stride,
                      shape.x_rows, expected.data(),
                      out_stride,   add};
      LinearScalar(call, 0, PanelCount(shape.rows));
      call.out = actual.data();
      linear()(call, 0, PanelCount(shape.rows));
      EXPECT_EQ(actual, expected) << shape.rows << "x" << shape.columns << " "
                                  << shape.x_rows << " " << add;
    }
  }
}

TEST_P(LinearTest, RowsDoNotDependOnTheirCompanyNorPanelsOnTheSplit) {
  const int32_t rows = 130, columns = 389, x_rows = 101;
  const Matrix matrix(rows, columns, format(), 5);
  const auto x = RandomFloats(static_cast<size_t>(columns) * x_rows, 6);
  std::vector<float> together(static_cast<size_t>(rows) * x_rows);
  LinearCall call{matrix.view, nullptr,         x.data(), columns,
                  x_rows,      together.data(), rows,     false};
  linear()(call, 0, PanelCount(rows));
  std::vector<float> alone(together.size());
  for (int32_t m = 0; m < x_rows; ++m) {
    call.x = x.data() + static_cast<size_t>(m) * columns;
    call.x_rows = 1;
    call.out = alone.data() + static_cast<size_t>(m) * rows;
    for (int32_t p = PanelCount(rows) - 1; p >= 0; --p) {
      linear()(call, p, p + 1);
    }
  }
  EXPECT_EQ(alone, together);
}

// |error| of a sum of n products by fused multiply-adds is at most
// gamma_n = n u / (1 - n u) times the sum of |products|. Here n is one block
// plus the number of blocks.
TEST_P(LinearTest, IsWithinTheRoundingBoundOfDoubles) {
  const int32_t rows = 40, columns = 1000, x_rows = 2;
  const Matrix matrix(rows, columns, format(), 7);
  const auto x = RandomFloats(static_cast<size_t>(columns) * x_rows, 8);
  std::vector<float> out(static_cast<size_t>(rows) * x_rows);
  linear()({matrix.view, nullptr, x.data(), columns, x_rows, out.data(), rows,
            false},
           0, PanelCount(rows));
  const double n = kReductionBlock + 1000.0 / kReductionBlock + 1;
  const double gamma = n * 0x1p-24 / (1 - n * 0x1p-24);
  for (int32_t m = 0; m < x_rows; ++m) {
    for (int32_t row = 0; row < rows; ++row) {
      double sum = 0, magnitude = 0;
      for (int32_t k = 0; k < columns; ++k) {
        const double product =
            static_cast<double>(x[static_cast<size_t>(m) * columns + k]) *
            matrix.values[static_cast<size_t>(row) * columns + k];
        sum += product;
        magnitude += std::abs(product);
      }
      EXPECT_NEAR(out[static_cast<size_t>(m) * rows + row], sum,
                  gamma * magnitude);
    }
  }
}

std::string NameOf(
    const testing::TestParamInfo<std::tuple<CpuIsa, WeightFormat>>& info) {
  return std::string(CpuIsaName(std::get<0>(info.param))) +
         (std::get<1>(info.param) == WeightFormat::kF32 ? "F32" : "Bf16");
}

INSTANTIATE_TEST_SUITE_P(
    All, LinearTest,
    testing::Combine(testing::Values(CpuIsa::kScalar, CpuIsa::kAvx2,
                                     CpuIsa::kAvx512),
                     testing::Values(WeightFormat::kF32, WeightFormat::kBf16)),
    NameOf);

TEST(Embedding, LooksUpTheExactRow) {
  for (WeightFormat format : {WeightFormat::kF32, WeightFormat::kBf16}) {
    const Matrix matrix(67, 45, format, 9);
    for (int32_t row : {0, 31, 32, 66}) {
      std::vector<float> out(45);
      EmbeddingLookup(matrix.view, row, out.data());
      const auto* begin = matrix.values.data() + row * 45;
      EXPECT_EQ(out, std::vector<float>(begin, begin + 45));
    }
  }
}

TEST(Bf16, RoundsToNearestEvenAndKeepsNan) {
  EXPECT_EQ(FloatToBf16(1.0f), 0x3f80);
  EXPECT_EQ(FloatToBf16(std::bit_cast<float>(0x3f808000u)), 0x3f80);
  EXPECT_EQ(FloatToBf16(std::bit_cast<float>(0x3f818000u)), 0x3f82);
  EXPECT_EQ(FloatToBf16(std::bit_cast<float>(0x3f808001u)), 0x3f81);
  EXPECT_EQ(FloatToBf16(std::bit_cast<float>(0x7f7fffffu)), 0x7f80);
  EXPECT_TRUE(
      std::isnan(Bf16ToFloat(FloatToBf16(std::bit_cast<float>(0x7f800001u)))));
}

}  // namespace
}  // namespace sluice::generator::kernels
