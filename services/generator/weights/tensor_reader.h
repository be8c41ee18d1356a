#pragma once

// Numbers out of a mapped tensor, whatever its alignment.

#include <cstdint>

#include "common/modelfiles/safetensors.h"

namespace sluice::generator {

// F32, BF16 and F16: what weights may be stored in.
bool IsWeightType(TensorType type);

// Elements [begin, begin + count) as float32, exactly. False when one of them
// is NaN or infinite.
// REQUIRES: IsWeightType(tensor.type), the range lies inside.
[[nodiscard]] bool ReadFloats(const TensorView& tensor, int64_t begin,
                              int64_t count, float* out);

// The same elements of a BF16 tensor as they are.
[[nodiscard]] bool ReadBf16(const TensorView& tensor, int64_t begin,
                            int64_t count, uint16_t* out);

}  // namespace sluice::generator
