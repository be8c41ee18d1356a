#include "services/generator/weights/tensor_reader.h"

#include <bit>
#include <cstring>

#include "common/base/check.h"
#include "services/generator/kernels/bf16.h"
#include "services/generator/kernels/half.h"

namespace sluice::generator {
namespace {

bool IsFinite(float value) {
  return (std::bit_cast<uint32_t>(value) & 0x7f800000u) != 0x7f800000u;
}

bool IsFiniteBf16(uint16_t bits) { return (bits & 0x7f80u) != 0x7f80u; }

template <typename Convert>
bool ReadHalves(const uint8_t* from, int64_t count, float* out,
                Convert convert) {
  bool finite = true;
  for (int64_t i = 0; i < count; ++i) {
    uint16_t bits;
    std::memcpy(&bits, from + i * 2, sizeof(bits));
    out[i] = convert(bits);
    finite &= IsFinite(out[i]);
  }
  return finite;
}

}  // namespace

bool IsWeightType(TensorType type) {
  return type == TensorType::kF32 || type == TensorType::kBF16 ||
         type == TensorType::kF16;
}

bool ReadFloats(const TensorView& tensor, int64_t begin, int64_t count,
                float* out) {
  const uint8_t* from =
      tensor.bytes.data() + begin * TensorTypeBytes(tensor.type);
  switch (tensor.type) {
    case TensorType::kBF16:
      return ReadHalves(from, count, out, kernels::Bf16ToFloat);
    case TensorType::kF16:
      return ReadHalves(from, count, out, kernels::HalfToFloat);
    case TensorType::kF32: {
      std::memcpy(out, from, static_cast<size_t>(count) * sizeof(float));
      bool finite = true;
      for (int64_t i = 0; i < count; ++i) finite &= IsFinite(out[i]);
      return finite;
    }
    default:
      SLUICE_CHECK(false, "not a type of weights");
  }
}

bool ReadBf16(const TensorView& tensor, int64_t begin, int64_t count,
              uint16_t* out) {
  SLUICE_CHECK(tensor.type == TensorType::kBF16, "not a BF16 tensor");
  std::memcpy(out, tensor.bytes.data() + begin * 2,
              static_cast<size_t>(count) * sizeof(uint16_t));
  bool finite = true;
  for (int64_t i = 0; i < count; ++i) finite &= IsFiniteBf16(out[i]);
  return finite;
}

}  // namespace sluice::generator
