#include <cmath>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "services/generator/kernels/exp_scalar.h"
#include "services/generator/kernels/kernel_set.h"

namespace sluice::generator::kernels {
namespace {

std::vector<float> RandomFloats(size_t count, float scale, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, scale);
  std::vector<float> out(count);
  for (float& value : out) value = normal(random);
  return out;
}

constexpr int32_t kSizes[] = {1, 7, 8, 15, 16, 17, 64, 100, 896, 1003};

class ElementwiseTest : public testing::TestWithParam<CpuIsa> {
 protected:
  void SetUp() override {
    if (!CpuSupports(GetParam())) {
      GTEST_SKIP() << "this processor lacks " << CpuIsaName(GetParam());
    }
    kernels_ = KernelsFor(GetParam());
  }
  KernelSet kernels_;
};

TEST_P(ElementwiseTest, RmsNormEqualsTheScalarOracleToTheBit) {
  for (int32_t size : kSizes) {
    const auto x = RandomFloats(size, 2.0f, size);
    const auto weight = RandomFloats(size, 1.0f, size + 1);
    std::vector<float> expected(size), actual(size);
    RmsNormScalar(x.data(), weight.data(), size, 1e-6f, expected.data());
    kernels_.rms_norm(x.data(), weight.data(), size, 1e-6f, actual.data());
    EXPECT_EQ(actual, expected) << size;
  }
}

// The mean is off by at most (size / 16 + 5) roundings, its root by half of
// that, then four more operations: 70 units in the last place cover 1003.
TEST_P(ElementwiseTest, RmsNormIsCloseToDoubles) {
  for (int32_t size : kSizes) {
    const auto x = RandomFloats(size, 2.0f, size);
    const auto weight = RandomFloats(size, 1.0f, size + 1);
    std::vector<float> out(size);
    kernels_.rms_norm(x.data(), weight.data(), size, 1e-5f, out.data());
    double sum = 0;
    for (float value : x) sum += static_cast<double>(value) * value;
    const double factor = 1.0 / std::sqrt(sum / size + 1e-5);
    for (int32_t i = 0; i < size; ++i) {
      const double expected = x[i] * factor * weight[i];
      EXPECT_NEAR(out[i], expected, 70 * 0x1p-24 * std::abs(expected));
    }
  }
}

TEST_P(ElementwiseTest, RopeEqualsTheScalarOracleAndTurnsByTheAngle) {
  for (int32_t half : {1, 5, 8, 32, 50}) {
    const int32_t heads = 3;
    std::vector<float> frequencies(half), cosine(half), sine(half);
    for (int32_t i = 0; i < half; ++i) {
      frequencies[i] =
          static_cast<float>(std::pow(10000.0, -static_cast<double>(i) / half));
    }
    RopeAngles(777, frequencies.data(), half, cosine.data(), sine.data());
    const auto x = RandomFloats(static_cast<size_t>(heads) * 2 * half, 1, half);
    auto expected = x;
    auto actual = x;
    RopeScalar(expected.data(), heads, half, cosine.data(), sine.data());
    kernels_.rope(actual.data(), heads, half, cosine.data(), sine.data());
    EXPECT_EQ(actual, expected) << half;
    for (int32_t head = 0; head < heads; ++head) {
      for (int32_t i = 0; i < half; ++i) {
        const int32_t low = head * 2 * half + i;
        const int32_t high = low + half;
        // Three roundings of values below 8, and the table's own.
        const double angle = static_cast<double>(777.0f * frequencies[i]);
        EXPECT_NEAR(actual[low],
                    x[low] * std::cos(angle) - x[high] * std::sin(angle),
                    4 * 8 * 0x1p-24);
        EXPECT_NEAR(actual[high],
                    x[high] * std::cos(angle) + x[low] * std::sin(angle),
                    4 * 8 * 0x1p-24);
      }
    }
  }
}

TEST_P(ElementwiseTest, SwigluEqualsTheScalarOracleToTheBit) {
  for (int32_t size : kSizes) {
    const auto gate = RandomFloats(size, 20.0f, size);
    const auto up = RandomFloats(size, 1.0f, size + 1);
    std::vector<float> expected(size), actual(size);
    SwigluScalar(gate.data(), up.data(), size, expected.data());
    kernels_.swiglu(gate.data(), up.data(), size, actual.data());
    EXPECT_EQ(actual, expected) << size;
  }
}

TEST_P(ElementwiseTest, SwigluIsCloseToDoublesAndFiniteAtTheEnds) {
  std::vector<float> gate = RandomFloats(1000, 10.0f, 3);
  gate.insert(gate.end(), {-1e30f, -200.0f, 0.0f, 200.0f, 1e30f});
  const std::vector<float> up(gate.size(), 1.5f);
  std::vector<float> out(gate.size());
  kernels_.swiglu(gate.data(), up.data(), static_cast<int32_t>(gate.size()),
                  out.data());
  for (size_t i = 0; i < gate.size(); ++i) {
    const double g = gate[i];
    if (g < -87.0) {
      // Clamped: the true value is below 1e-35 |gate|.
      EXPECT_LE(std::abs(out[i]), 1e-37 * std::abs(g)) << g;
      continue;
    }
    const double expected = g / (1.0 + std::exp(-g)) * 1.5;
    EXPECT_NEAR(out[i], expected, 8 * 0x1p-24 * std::abs(expected)) << g;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ElementwiseTest,
                         testing::Values(CpuIsa::kScalar, CpuIsa::kAvx2,
                                         CpuIsa::kAvx512),
                         [](const auto& info) {
                           return std::string(CpuIsaName(info.param));
                         });

TEST(Exp, IsWithinThreeUnitsOfTheTruth) {
  for (int i = -870000; i <= 880000; i += 7) {
    const float x = static_cast<float>(i) * 1e-4f;
    const double expected = std::exp(static_cast<double>(x));
    if (x < -87.0f || x > 88.0f) continue;
    ASSERT_NEAR(ExpScalar(x), expected, 3 * 0x1p-24 * expected) << x;
  }
  EXPECT_EQ(ExpScalar(0.0f), 1.0f);
  EXPECT_TRUE(std::isnan(ExpScalar(std::nanf(""))));
  EXPECT_LT(ExpScalar(-INFINITY), 1e-37f);
}

TEST(CpuIsa, NamesGoThereAndBack) {
  for (CpuIsa isa : {CpuIsa::kScalar, CpuIsa::kAvx2, CpuIsa::kAvx512}) {
    EXPECT_EQ(CpuIsaFromName(CpuIsaName(isa)), isa);
  }
  EXPECT_FALSE(CpuIsaFromName("sse").has_value());
  EXPECT_TRUE(CpuSupports(BestCpuIsa()));
}

}  // namespace
}  // namespace sluice::generator::kernels
