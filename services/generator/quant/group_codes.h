#pragma once

// One group of weights as scale, minimum and codes.

#include <cstdint>

#include "services/generator/quant/quant_format.h"

namespace sluice::generator {

inline constexpr int32_t kMaxQuantGroup = 128;

struct GroupCodes {
  uint16_t scale = 0;             // float16
  uint16_t minimum = 0;           // float16, where the format has one
  uint8_t codes[kMaxQuantGroup];  // those past the format's group unused
};

// The largest magnitude that every format can hold.
inline constexpr float kMaxQuantWeight = 65504.0f;

// Quantises w[0, count); codes from there to the end of the group stand for
// zero. Error bounds, with a = max |w|, u = 2^-24 the smallest float16 step and
// e = 1 + 2^-10 for the scale's rounding:
//   int8:              at most (a / 127 * e + u) / 2
//   int4:              at most a / 8 + u; the mean square is at most that of
//                      (a / 7 * e + u) / 2 everywhere
//   int4 with minimum: at most ((max w - min w + 2^-10 |min w| + u) / 15 * e
//                      + u) / 2
// REQUIRES: 0 < count <= format.group, |w| <= kMaxQuantWeight.
void QuantizeGroup(const QuantFormat& format, const float* w, int32_t count,
                   GroupCodes& out);

}  // namespace sluice::generator
