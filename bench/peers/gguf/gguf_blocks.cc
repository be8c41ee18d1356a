#include "bench/peers/gguf/gguf_blocks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "common/base/check.h"
#include "services/generator/kernels/half.h"

namespace sluice::bench {
namespace {

using generator::kernels::FloatToHalf;
using generator::kernels::HalfToFloat;

constexpr int kSmall = 32;  // values of a Q4_0 or Q8_0 block
constexpr int kSuper = 256;
constexpr int kSubBlock = 16;  // values of a scale in Q6_K

void PutHalf(uint16_t half, std::vector<uint8_t>& out) {
  out.push_back(static_cast<uint8_t>(half));
  out.push_back(static_cast<uint8_t>(half >> 8));
}

float GetHalf(const uint8_t* bytes) {
  return HalfToFloat(static_cast<uint16_t>(bytes[0] | bytes[1] << 8));
}

// The value of the largest magnitude, with its sign.
float Extreme(const float* values, int count) {
  float extreme = 0;
  for (int i = 0; i < count; ++i) {
    if (std::abs(values[i]) > std::abs(extreme)) extreme = values[i];
  }
  return extreme;
}

int Code(float value, float step, int low, int high) {
  if (step == 0) return 0;
  return std::clamp(static_cast<int>(std::lround(value / step)), low, high);
}

void AppendQ80(const float* values, std::vector<uint8_t>& out) {
  const uint16_t scale =
      FloatToHalf(std::abs(Extreme(values, kSmall)) / 127.0f);
  const float step = HalfToFloat(scale);
  PutHalf(scale, out);
  for (int i = 0; i < kSmall; ++i) {
    out.push_back(static_cast<uint8_t>(Code(values[i], step, -127, 127)));
  }
}

void AppendQ40(const float* values, std::vector<uint8_t>& out) {
  const uint16_t scale = FloatToHalf(Extreme(values, kSmall) / -8.0f);
  const float step = HalfToFloat(scale);
  PutHalf(scale, out);
  const auto nibble = [&](int i) { return Code(values[i], step, -8, 7) + 8; };
  for (int i = 0; i < kSmall / 2; ++i) {
    out.push_back(
        static_cast<uint8_t>(nibble(i) | nibble(i + kSmall / 2) << 4));
  }
}

// Codes of 0 to 63 in halves of 128: four runs of 32 share 64 bytes of low
// nibbles and 32 bytes of the two high bits.
void AppendQ6KCodes(const std::array<uint8_t, kSuper>& codes,
                    std::vector<uint8_t>& out) {
  for (int half = 0; half < kSuper; half += 128) {
    for (int i = 0; i < 64; ++i) {
      out.push_back(static_cast<uint8_t>((codes[half + i] & 15) |
                                         (codes[half + 64 + i] & 15) << 4));
    }
  }
  for (int half = 0; half < kSuper; half += 128) {
    for (int i = 0; i < 32; ++i) {
      int bits = 0;
      for (int run = 0; run < 4; ++run) {
        bits |= (codes[half + 32 * run + i] >> 4) << (2 * run);
      }
      out.push_back(static_cast<uint8_t>(bits));
    }
  }
}

void AppendQ6K(const float* values, std::vector<uint8_t>& out) {
  std::array<float, kSuper / kSubBlock> wanted;
  for (size_t b = 0; b < wanted.size(); ++b) {
    wanted[b] = Extreme(values + kSubBlock * b, kSubBlock) / -32.0f;
  }
  const float largest = Extreme(wanted.data(), static_cast<int>(wanted.size()));
  const uint16_t super_scale = FloatToHalf(largest / -128.0f);
  const float super_step = HalfToFloat(super_scale);
  std::array<int8_t, kSuper / kSubBlock> scales;
  std::array<uint8_t, kSuper> codes;
  for (int i = 0; i < kSuper; ++i) {
    const int b = i / kSubBlock;
    if (i % kSubBlock == 0) {
      scales[b] = static_cast<int8_t>(Code(wanted[b], super_step, -128, 127));
    }
    const float step = super_step * static_cast<float>(scales[b]);
    codes[i] = static_cast<uint8_t>(Code(values[i], step, -32, 31) + 32);
  }
  AppendQ6KCodes(codes, out);
  for (const int8_t scale : scales) out.push_back(static_cast<uint8_t>(scale));
  PutHalf(super_scale, out);
}

void UnpackQ6K(const uint8_t* block, float* values) {
  const uint8_t* scales = block + 192;
  const float super_step = GetHalf(block + 208);
  for (int i = 0; i < kSuper; ++i) {
    const int half = i / 128, run = i % 128 / 32, at = i % 32;
    const int low = block[64 * half + 32 * (run % 2) + at] >> (run / 2 * 4);
    const int high = block[128 + 32 * half + at] >> (2 * run);
    const int code = (low & 15) | (high & 3) << 4;
    values[i] = super_step * static_cast<int8_t>(scales[i / kSubBlock]) *
                static_cast<float>(code - 32);
  }
}

void UnpackBlock(GgufType type, const uint8_t* block, float* values) {
  if (type == GgufType::kQ6K) return UnpackQ6K(block, values);
  if (type == GgufType::kF32) {
    std::memcpy(values, block, sizeof(float));
    return;
  }
  const float step = GetHalf(block);
  for (int i = 0; i < kSmall; ++i) {
    const int code = type == GgufType::kQ80
                         ? static_cast<int8_t>(block[2 + i])
                         : (block[2 + i % 16] >> (i / 16 * 4) & 15) - 8;
    values[i] = step * static_cast<float>(code);
  }
}

}  // namespace

int64_t BlockValues(GgufType type) {
  if (type == GgufType::kF32) return 1;
  return type == GgufType::kQ6K ? kSuper : kSmall;
}

int64_t BlockBytes(GgufType type) {
  switch (type) {
    case GgufType::kF32:
      return sizeof(float);
    case GgufType::kQ40:
      return 2 + kSmall / 2;
    case GgufType::kQ80:
      return 2 + kSmall;
    case GgufType::kQ6K:
      return 210;
  }
  SLUICE_CHECK(false, "every type has its bytes");
  return 0;
}

void AppendBlocks(GgufType type, const float* values, int64_t count,
                  std::vector<uint8_t>& out) {
  const int64_t block = BlockValues(type);
  SLUICE_CHECK(count % block == 0, "whole blocks only");
  if (type == GgufType::kF32) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(values);
    out.insert(out.end(), bytes, bytes + count * sizeof(float));
    return;
  }
  for (int64_t i = 0; i < count; i += block) {
    if (type == GgufType::kQ80) AppendQ80(values + i, out);
    if (type == GgufType::kQ40) AppendQ40(values + i, out);
    if (type == GgufType::kQ6K) AppendQ6K(values + i, out);
  }
}

std::vector<float> UnpackBlocks(GgufType type, const uint8_t* blocks,
                                int64_t count) {
  const int64_t block = BlockValues(type);
  SLUICE_CHECK(count % block == 0, "whole blocks only");
  std::vector<float> values(count);
  for (int64_t i = 0; i < count; i += block) {
    UnpackBlock(type, blocks + i / block * BlockBytes(type), &values[i]);
  }
  return values;
}

}  // namespace sluice::bench
