#pragma once

// The exponential of the kernels, scalar form. The vector forms do the same
// operations in the same order, so all instruction sets agree to the bit.
//
// exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= 0.35; the polynomial is
// Taylor's to degree 7 (relative error below 6e-9 before rounding). x is
// clamped to [-87, 88], where 2^n is a normal number; the NaN that arithmetic
// makes stays one.

#include <bit>
#include <cmath>
#include <cstdint>

namespace sluice::generator::kernels {

inline float ExpScalar(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23
  const float shifted = std::fma(x, 1.44269504f, kRound);
  const float n = shifted - kRound;
  float r = std::fma(n, -0.693145752f, x);
  r = std::fma(n, -1.42860677e-6f, r);
  float p = 1.98412698e-4f;
  p = std::fma(p, r, 1.38888889e-3f);
  p = std::fma(p, r, 8.33333333e-3f);
  p = std::fma(p, r, 4.16666667e-2f);
  p = std::fma(p, r, 1.66666667e-1f);
  p = std::fma(p, r, 0.5f);
  p = std::fma(p, r, 1.0f);
  p = std::fma(p, r, 1.0f);
  // The low bits of `shifted` hold n; unsigned arithmetic moves it into the
  // exponent.
  const uint32_t exponent = std::bit_cast<uint32_t>(shifted) << 23;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(p) + exponent);
}

}  // namespace sluice::generator::kernels
