#include "bench/load/length_distribution.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/error_info.h"

namespace sluice::load {
namespace {

constexpr int32_t kMaxLength = 1 << 20;

bool ReadLength(const std::string& text, int32_t& length) {
  return absl::SimpleAtoi(text, &length) && length >= 1 && length <= kMaxLength;
}

bool ReadReal(const std::string& text, double& value) {
  return absl::SimpleAtod(text, &value) && std::isfinite(value) && value > 0;
}

}  // namespace

double DrawUnit(RandomSource& random) {
  return static_cast<double>(random.Next() >> 11) * 0x1.0p-53;
}

double DrawExponential(RandomSource& random) {
  return -std::log1p(-DrawUnit(random));
}

double DrawNormal(RandomSource& random) {
  const double radius = std::sqrt(2 * DrawExponential(random));
  return radius * std::cos(2 * std::numbers::pi * DrawUnit(random));
}

absl::StatusOr<LengthDistribution> LengthDistribution::Parse(
    std::string_view flag, std::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(std::string(text), ':');
  int32_t low = 0;
  int32_t high = 0;
  double centre = 0;
  double sigma = 0;
  if (parts.size() == 1 && ReadLength(parts[0], high)) {
    return LengthDistribution(high);
  }
  if (parts.size() == 3 && parts[0] == "uniform" && ReadLength(parts[1], low) &&
      ReadLength(parts[2], high) && low <= high) {
    LengthDistribution uniform(high);
    uniform.low_ = low;
    return uniform;
  }
  if (parts.size() == 3 && parts[0] == "exponential" &&
      ReadReal(parts[1], centre) && ReadLength(parts[2], high)) {
    return LengthDistribution(Shape::kExponential, centre, 0, high);
  }
  if (parts.size() == 4 && parts[0] == "lognormal" &&
      ReadReal(parts[1], centre) && ReadReal(parts[2], sigma) &&
      ReadLength(parts[3], high)) {
    return LengthDistribution(Shape::kLognormal, centre, sigma, high);
  }
  return FieldError(flag, "is no distribution", text,
                    "N, uniform:LOW:HIGH, exponential:MEAN:MAX or "
                    "lognormal:MEDIAN:SIGMA:MAX, lengths of 1 to 1048576");
}

int32_t LengthDistribution::Draw(RandomSource& random) const {
  if (shape_ == Shape::kUniform) {
    const double span = high_ - low_ + 1.0;
    return low_ + static_cast<int32_t>(DrawUnit(random) * span);
  }
  const double drawn = shape_ == Shape::kExponential
                           ? centre_ * DrawExponential(random)
                           : centre_ * std::exp(sigma_ * DrawNormal(random));
  return static_cast<int32_t>(
      std::clamp(std::round(drawn), 1.0, static_cast<double>(high_)));
}

}  // namespace sluice::load
