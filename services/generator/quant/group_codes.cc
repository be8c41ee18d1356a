#include "services/generator/quant/group_codes.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "services/generator/kernels/half.h"

namespace sluice::generator {
namespace {

using kernels::FloatToHalf;
using kernels::HalfToFloat;

constexpr int32_t kLanes = 8;
constexpr float kHalfUnit = 0x1p-24f;  // the smallest float16

// A group padded with zeros, and what its quantisers ask of it.
struct Group {
  alignas(64) float w[kMaxQuantGroup] = {};
  int32_t size = 0;      // padded
  float extreme = 0.0f;  // of largest magnitude, with its sign
};

// The least float16 >= x. REQUIRES: 0 <= x <= 65504.
uint16_t HalfAbove(float x) {
  const uint16_t half = FloatToHalf(x);
  return HalfToFloat(half) < x ? half + 1 : half;
}

// Round to nearest even. REQUIRES: |x| < 2^22. Vectors of it need no SSE4.
int32_t Round(float x) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23
  return std::bit_cast<int32_t>(x + kRound) - std::bit_cast<int32_t>(kRound);
}

float Inverse(float x) { return x == 0.0f ? 0.0f : 1.0f / x; }

void CodesFor(const Group& group, float inverse, int32_t least, int32_t most,
              int32_t* codes) {
  for (int32_t i = 0; i < group.size; ++i) {
    codes[i] = std::clamp(Round(group.w[i] * inverse), least, most);
  }
}

struct Error {
  float square_sum = 0.0f;
  float largest = 0.0f;
};

Error ErrorOf(const Group& group, float scale, const int32_t* codes) {
  float squares[kLanes] = {};
  float largest[kLanes] = {};
  for (int32_t i = 0; i < group.size; i += kLanes) {
    for (int32_t lane = 0; lane < kLanes; ++lane) {
      const float miss =
          group.w[i + lane] - static_cast<float>(codes[i + lane]) * scale;
      squares[lane] += miss * miss;
      largest[lane] = std::max(largest[lane], std::fabs(miss));
    }
  }
  Error error;
  for (int32_t lane = 0; lane < kLanes; ++lane) {
    error.square_sum += squares[lane];
    error.largest = std::max(error.largest, largest[lane]);
  }
  return error;
}

// The scale that serves given codes best: least squares.
float BestScale(const Group& group, const int32_t* codes) {
  float products[kLanes] = {};
  float squares[kLanes] = {};
  for (int32_t i = 0; i < group.size; i += kLanes) {
    for (int32_t lane = 0; lane < kLanes; ++lane) {
      const float code = static_cast<float>(codes[i + lane]);
      products[lane] += group.w[i + lane] * code;
      squares[lane] += code * code;
    }
  }
  float product = 0.0f;
  float square = 0.0f;
  for (int32_t lane = 0; lane < kLanes; ++lane) {
    product += products[lane];
    square += squares[lane];
  }
  return square == 0.0f ? 0.0f : product / square;
}

void Store(const Group& group, const int32_t* codes, int32_t zero_point,
           GroupCodes& out) {
  for (int32_t i = 0; i < group.size; ++i) {
    out.codes[i] = static_cast<uint8_t>(codes[i] + zero_point);
  }
}

void QuantizeInt8(const Group& group, GroupCodes& out) {
  out.scale = HalfAbove(std::fabs(group.extreme) / 127.0f);
  int32_t codes[kMaxQuantGroup];
  CodesFor(group, Inverse(HalfToFloat(out.scale)), -127, 127, codes);
  Store(group, codes, kernels::kInt8ZeroPoint, out);
}

// Codes go from -8 to 7. Plain rounding to sevenths of the extreme is the
// fallback; scales around an eighth, where the extreme takes the code -8, often
// serve better, as the other weights get finer steps.
void QuantizeInt4(const Group& group, GroupCodes& out) {
  const float extreme = std::fabs(group.extreme);
  out.scale = HalfAbove(extreme / 7.0f);
  int32_t codes[kMaxQuantGroup];
  CodesFor(group, Inverse(HalfToFloat(out.scale)), -7, 7, codes);
  Store(group, codes, kernels::kInt4ZeroPoint, out);
  // Nothing to gain where all codes are zero anyhow.
  if (extreme < kHalfUnit) return;
  Error best = ErrorOf(group, HalfToFloat(out.scale), codes);
  for (const float steps : {-7.0f, -7.5f, -8.0f, -8.5f, -9.0f}) {
    CodesFor(group, steps / group.extreme, -8, 7, codes);
    const uint16_t scale = FloatToHalf(BestScale(group, codes));
    const Error error = ErrorOf(group, HalfToFloat(scale), codes);
    if (error.square_sum >= best.square_sum || error.largest > extreme / 8.0f) {
      continue;
    }
    best = error;
    out.scale = scale;
    Store(group, codes, kernels::kInt4ZeroPoint, out);
  }
}

// The greatest float16 <= x.
uint16_t HalfBelow(float x) {
  if (x < 0.0f) return HalfAbove(-x) | 0x8000u;
  const uint16_t half = FloatToHalf(x);
  return HalfToFloat(half) > x ? half - 1 : half;
}

void QuantizeInt4WithMinimum(const Group& group, int32_t count,
                             GroupCodes& out) {
  const auto [least, most] = std::minmax_element(group.w, group.w + count);
  out.minimum = HalfBelow(*least);
  const float minimum = HalfToFloat(out.minimum);
  out.scale = HalfAbove((*most - minimum) / 15.0f);
  Group above = group;
  for (int32_t i = 0; i < group.size; ++i) above.w[i] -= minimum;
  int32_t codes[kMaxQuantGroup];
  CodesFor(above, Inverse(HalfToFloat(out.scale)), 0, 15, codes);
  Store(group, codes, 0, out);
}

}  // namespace

void QuantizeGroup(const QuantFormat& format, const float* w, int32_t count,
                   GroupCodes& out) {
  Group group;
  group.size = format.group;
  std::copy(w, w + count, group.w);
  for (int32_t i = 0; i < count; ++i) {
    if (std::fabs(w[i]) > std::fabs(group.extreme)) group.extreme = w[i];
  }
  out.minimum = 0;
  if (format.bits == 8) {
    QuantizeInt8(group, out);
  } else if (format.has_minimum) {
    QuantizeInt4WithMinimum(group, count, out);
  } else {
    QuantizeInt4(group, out);
  }
}

}  // namespace sluice::generator
