#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/random.h"

namespace sluice::load {

// Uniform in [0, 1).
double DrawUnit(RandomSource& random);
// Exponential with mean 1.
double DrawExponential(RandomSource& random);
// Normal with mean 0 and deviation 1.
double DrawNormal(RandomSource& random);

// How long prompts or answers are, in tokens, at least 1.
// Threads: immutable after construction.
class LengthDistribution {
 public:
  // Always `length`.
  explicit LengthDistribution(int32_t length) : low_(length), high_(length) {}

  // "16", "uniform:LOW:HIGH", "exponential:MEAN:MAX" or
  // "lognormal:MEDIAN:SIGMA:MAX"; draws above MAX become MAX. `flag` names the
  // input in errors. Errors: INVALID_ARGUMENT.
  static absl::StatusOr<LengthDistribution> Parse(std::string_view flag,
                                                  std::string_view text);

  int32_t Draw(RandomSource& random) const;
  int32_t max() const { return high_; }

 private:
  enum class Shape { kUniform, kExponential, kLognormal };

  LengthDistribution(Shape shape, double centre, double sigma, int32_t max)
      : shape_(shape), high_(max), centre_(centre), sigma_(sigma) {}

  Shape shape_ = Shape::kUniform;
  int32_t low_ = 1;
  int32_t high_ = 1;
  double centre_ = 0;  // mean or median
  double sigma_ = 0;
};

}  // namespace sluice::load
