#pragma once

// out = x / sqrt(mean(x^2) + eps) * weight.
//
// Order: squares are summed in 16 lanes (index % 16) with fused
// multiply-adds, lanes by halving.
// Source: Zhang and Sennrich, Root Mean Square Layer Normalization (2019).

#include <cstdint>

namespace sluice::generator::kernels {

// x, weight and out are [size]; out may be x. Threads: any.
using RmsNormFn = void (*)(const float* x, const float* weight, int32_t size,
                           float eps, float* out);

// 1 / sqrt(mean(x^2) + eps): what RmsNorm multiplies with before the weight.
float RmsFactorScalar(const float* x, int32_t size, float eps);
float RmsFactorAvx2(const float* x, int32_t size, float eps);

void RmsNormScalar(const float* x, const float* weight, int32_t size, float eps,
                   float* out);
void RmsNormAvx2(const float* x, const float* weight, int32_t size, float eps,
                 float* out);

}  // namespace sluice::generator::kernels
