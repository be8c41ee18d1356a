// The formats: exact round trips, error bounds, and tails.

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/generator/kernels/embedding.h"
#include "services/generator/kernels/half.h"
#include "services/generator/kernels/huge_buffer.h"
#include "services/generator/kernels/quant_code.h"
#include "services/generator/quant/quant_format.h"
#include "services/generator/quant/quant_panel.h"

namespace sluice::generator {
namespace {

using kernels::HalfToFloat;

std::vector<QuantFormat> AllFormats() {
  std::vector<QuantFormat> formats;
  for (const char* name :
       {"int8g32", "int8g64", "int8g128", "int4g32", "int4g64", "int4g128",
        "int4g32m", "int4g64m", "int4g128m"}) {
    formats.push_back(*ParseQuantFormat("format", name));
  }
  return formats;
}

// Inputs of one group: where rounding, clipping and tiny scales go wrong.
std::vector<std::vector<float>> HardGroups(int32_t size) {
  std::mt19937 random(11);
  std::normal_distribution<float> normal;
  std::vector<std::vector<float>> all;
  for (const float spread : {1.0f, 0.02f, 1e-5f, 3e-7f, 3e-9f, 0.0f, 3e4f}) {
    for (const float shift : {0.0f, 5.0f, -100.0f}) {
      for (int outliers = 0; outliers < 4; ++outliers) {
        std::vector<float> w(size);
        for (float& value : w) value = spread * (normal(random) + shift);
        for (int i = 0; i < outliers; ++i) {
          w[random() % size] *= i % 2 == 0 ? 100.0f : -100.0f;
        }
        for (float& value : w) {
          value = std::clamp(value, -kMaxQuantWeight, kMaxQuantWeight);
        }
        all.push_back(w);
      }
    }
  }
  // Both ends of the range, so that clipping one of them would show.
  std::vector<float> both(size, 0.0f);
  both[0] = 1.0f;
  both[1] = -1.0f;
  all.push_back(both);
  all.push_back(std::vector<float>(size, -2.5f));
  all.push_back(std::vector<float>(size, kMaxQuantWeight));
  return all;
}

double WeightOf(const QuantFormat& format, const GroupCodes& group, int32_t i) {
  const double scale = HalfToFloat(group.scale);
  if (format.has_minimum) {
    return scale * group.codes[i] + HalfToFloat(group.minimum);
  }
  return scale * (group.codes[i] - (format.bits == 8 ? 128 : 8));
}

// float32 arithmetic inside the quantiser moves a code only when its weight
// lies within this of the middle between two.
constexpr double kSlack = 1.0 + 1e-5;
constexpr double kUnit = 0x1p-24;
constexpr double kScaleRounding = 1.0 + 0x1p-10;

double LargestOf(const std::vector<float>& w) {
  double largest = 0;
  for (float value : w) largest = std::max(largest, std::abs(double{value}));
  return largest;
}

// The bounds of group_codes.h.
double ErrorBound(const QuantFormat& format, const std::vector<float>& w) {
  if (format.bits == 8) {
    return (LargestOf(w) / 127 * kScaleRounding + kUnit) / 2;
  }
  if (!format.has_minimum) return LargestOf(w) / 8 + kUnit;
  const auto [least, most] = std::minmax_element(w.begin(), w.end());
  const double range = double{*most} - *least;
  const double reach = range + 0x1p-10 * std::abs(double{*least}) + kUnit;
  return (reach / 15 * kScaleRounding + kUnit) / 2;
}

TEST(QuantizeGroup, StaysWithinTheBoundOfItsFormat) {
  for (const QuantFormat& format : AllFormats()) {
    for (const std::vector<float>& w : HardGroups(format.group)) {
      GroupCodes group;
      QuantizeGroup(format, w.data(), format.group, group);
      double square_sum = 0;
      for (int32_t i = 0; i < format.group; ++i) {
        const double error = std::abs(WeightOf(format, group, i) - w[i]);
        ASSERT_LE(error, ErrorBound(format, w) * kSlack)
            << QuantFormatName(format) << " " << w[i];
        square_sum += error * error;
      }
      const double plain = (LargestOf(w) / 7 * kScaleRounding + kUnit) / 2;
      EXPECT_LE(square_sum, plain * plain * format.group * kSlack)
          << QuantFormatName(format);
    }
  }
}

// What the worst case bound cannot tell: the search pays on ordinary weights.
TEST(QuantizeGroup, Int4BeatsPlainRoundingToSevenths) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  const QuantFormat format{4, 32, false};
  double searched = 0, plain = 0;
  for (int round = 0; round < 500; ++round) {
    std::vector<float> w(32);
    for (float& value : w) value = normal(random);
    GroupCodes group;
    QuantizeGroup(format, w.data(), 32, group);
    const double step = LargestOf(w) / 7;
    for (int32_t i = 0; i < 32; ++i) {
      searched += std::pow(WeightOf(format, group, i) - w[i], 2);
      plain += std::pow(std::nearbyint(w[i] / step) * step - w[i], 2);
    }
  }
  EXPECT_LT(searched, 0.85 * plain);
}

TEST(QuantizeGroup, IsExactForWhatTheFormatCanSay) {
  std::mt19937 random(5);
  for (const QuantFormat& format : AllFormats()) {
    std::vector<float> w(format.group);
    const float scale = HalfToFloat(0x2c31);  // 0.0655...
    const float minimum = format.has_minimum ? HalfToFloat(0xb801) : 0.0f;
    const int32_t most = format.bits == 8 ? 127 : (format.has_minimum ? 15 : 7);
    for (float& value : w) {
      const int32_t code = static_cast<int32_t>(random() % (most + 1));
      value = scale * static_cast<float>(code) + minimum;
    }
    w[3] = minimum;
    w[4] = scale * static_cast<float>(most) + minimum;
    GroupCodes group;
    QuantizeGroup(format, w.data(), format.group, group);
    for (int32_t i = 0; i < format.group; ++i) {
      EXPECT_EQ(WeightOf(format, group, i), double{w[i]})
          << QuantFormatName(format) << " " << i;
    }
  }
}

TEST(QuantizeGroup, TheRestOfAShortGroupStandsForZero) {
  for (const QuantFormat& format : AllFormats()) {
    if (format.has_minimum) continue;  // there no code need mean zero
    const std::vector<float> w(5, 1.25f);
    GroupCodes group;
    QuantizeGroup(format, w.data(), 5, group);
    for (int32_t i = 5; i < format.group; ++i) {
      EXPECT_EQ(WeightOf(format, group, i), 0.0) << QuantFormatName(format);
    }
  }
}

// A matrix in panels, filled row by row.
struct Packed {
  Packed(const QuantFormat& format, int32_t rows, int32_t columns)
      : view(QuantShape(format, rows, columns)),
        memory(*kernels::HugeBuffer::Allocate(QuantBytes(view))) {
    view.panels = memory.bytes();
  }
  uint8_t* panel_of(int32_t row) {
    return memory.bytes() + row / kernels::kQuantPanelRows * view.panel_bytes;
  }

  kernels::QuantMatrixView view;
  kernels::HugeBuffer memory;
};

TEST(QuantPanel, EveryBitOfEveryGroupComesBack) {
  std::mt19937 random(7);
  for (const QuantFormat& format : AllFormats()) {
    constexpr int32_t kRows = 70;
    const int32_t columns = 3 * format.group;
    Packed packed(format, kRows, columns);
    std::vector<GroupCodes> groups(kRows * 3);
    for (int32_t i = 0; i < kRows * 3; ++i) {
      GroupCodes& group = groups[i];
      group.scale = static_cast<uint16_t>(random());
      group.minimum = static_cast<uint16_t>(random());
      for (uint8_t& code : group.codes) {
        code = static_cast<uint8_t>(random() % (1u << format.bits));
      }
      StoreGroup(packed.view, i / 3 % kernels::kQuantPanelRows, i % 3, group,
                 packed.panel_of(i / 3));
    }
    for (int32_t i = 0; i < kRows * 3; ++i) {
      const GroupCodes group = LoadGroup(packed.view, i / 3, i % 3);
      ASSERT_EQ(group.scale, groups[i].scale);
      if (format.has_minimum) {
        ASSERT_EQ(group.minimum, groups[i].minimum);
      }
      ASSERT_TRUE(
          std::equal(group.codes, group.codes + format.group, groups[i].codes))
          << QuantFormatName(format) << " group " << i;
    }
  }
}

// Real shapes have columns that are no multiple of 256, of 128 or of a group.
TEST(QuantPanel, AnyShapeIsWithinTheBoundAndReadTheSameByTheEmbedding) {
  std::mt19937 random(9);
  std::normal_distribution<float> normal;
  for (const QuantFormat& format : AllFormats()) {
    for (const int32_t columns : {1, 31, 133, 896, 2816, 13696}) {
      constexpr int32_t kRows = 33;
      Packed packed(format, kRows, columns);
      std::vector<float> w(columns), out(columns);
      for (const int32_t row : {0, 31, 32}) {
        for (float& value : w) value = normal(random);
        QuantizeRowIntoPanel(packed.view, w.data(),
                             row % kernels::kQuantPanelRows,
                             packed.panel_of(row));
        kernels::EmbeddingLookup(packed.view, row, out.data());
        for (int32_t k = 0; k < columns; ++k) {
          ASSERT_EQ(out[k], kernels::WeightAt(packed.view, row, k));
          const int32_t begin = k / format.group * format.group;
          const int32_t end = std::min(columns, begin + format.group);
          const std::vector<float> group(w.begin() + begin, w.begin() + end);
          // The lookup rounds products and sums to float32.
          ASSERT_LE(std::abs(double{out[k]} - w[k]),
                    ErrorBound(format, group) * kSlack + 1e-6)
              << QuantFormatName(format) << " " << columns << " " << k;
        }
      }
    }
  }
}

TEST(QuantFormat, NamesComeBackAndOthersAreRefused) {
  for (const QuantFormat& format : AllFormats()) {
    EXPECT_EQ(*ParseQuantFormat("f", QuantFormatName(format)), format);
  }
  for (const char* name : {"", "int8", "int8g33", "int8g32m", "INT8g32"}) {
    const absl::Status status = ParseQuantFormat("quantize", name).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()),
                testing::StartsWith("quantize: unknown format, got \""));
  }
}

TEST(QuantFormat, BytesPerWeightAreThoseOfTheSpec) {
  const auto bytes = [](const char* name) {
    return QuantBytes(QuantShape(*ParseQuantFormat("f", name), 64, 256));
  };
  EXPECT_EQ(bytes("int8g32"), 64 * 256 * 17 / 16);
  EXPECT_EQ(bytes("int8g128"), 64 * 256 * 65 / 64);
  EXPECT_EQ(bytes("int4g32"), 64 * 256 * 9 / 16);
  EXPECT_EQ(bytes("int4g32m"), 64 * 256 * 5 / 8);
}

TEST(Half, EveryHalfComesBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = HalfToFloat(static_cast<uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(HalfToFloat(kernels::FloatToHalf(value))));
    } else {
      ASSERT_EQ(kernels::FloatToHalf(value), bits);
    }
  }
}

TEST(Half, RoundsToNearestEven) {
  EXPECT_EQ(kernels::FloatToHalf(1.0f + 0x1p-11f), 0x3c00);
  EXPECT_EQ(kernels::FloatToHalf(1.0f + 0x1p-11f + 0x1p-20f), 0x3c01);
  EXPECT_EQ(kernels::FloatToHalf(1.0f + 3 * 0x1p-11f), 0x3c02);
  EXPECT_EQ(kernels::FloatToHalf(0x1p-25f), 0);
  EXPECT_EQ(kernels::FloatToHalf(0x1.8p-25f), 1);
  EXPECT_EQ(kernels::FloatToHalf(65519.0f), 0x7bff);
  EXPECT_EQ(kernels::FloatToHalf(-65520.0f), 0xfc00);
}

}  // namespace
}  // namespace sluice::generator
