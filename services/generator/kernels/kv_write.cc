#include "services/generator/kernels/kv_write.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "services/generator/kernels/bf16.h"
#include "services/generator/kernels/quantize_rows.h"

namespace sluice::generator::kernels {
namespace {

template <typename Element, typename Convert>
void Write(const KvHeadView& kv, int32_t position, const float* key,
           const float* value, Convert convert) {
  const KvLayout& layout = kv.layout;
  const int32_t slot = position % layout.block_size;
  const int64_t block = kv.block_table[position / layout.block_size];
  uint8_t* base = kv.base + block * kv.block_stride;
  auto* keys = reinterpret_cast<Element*>(base);
  auto* values = reinterpret_cast<Element*>(base + layout.value_offset());
  for (int32_t d = 0; d < layout.head_dim; ++d) {
    keys[layout.key_index(slot, d)] = convert(key[d]);
    values[layout.value_index(slot, d)] = convert(value[d]);
  }
}

// Fills out[0, count), out[stride * i]; returns the scale.
float WriteInt8(const float* x, int32_t count, int64_t stride, int8_t* out) {
  float largest = 0.0f;
  bool finite = true;
  for (int32_t i = 0; i < count; ++i) {
    finite &= std::isfinite(x[i]);
    largest = std::max(largest, std::fabs(x[i]));
  }
  const bool used = finite && largest >= kLeastActivation;
  const float inverse = used ? 127.0f / largest : 0.0f;
  for (int32_t i = 0; i < count; ++i) {
    out[i * stride] =
        used ? static_cast<int8_t>(std::nearbyint(x[i] * inverse)) : 0;
  }
  if (!finite) return std::numeric_limits<float>::quiet_NaN();
  return used ? largest / 127.0f : 0.0f;
}

void WriteInt8(const KvHeadView& kv, int32_t position, const float* key,
               const float* value) {
  const KvLayout& layout = kv.layout;
  const int32_t slot = position % layout.block_size;
  const int64_t block = kv.block_table[position / layout.block_size];
  uint8_t* base = kv.base + block * kv.block_stride;
  auto* scales = reinterpret_cast<float*>(base + layout.scale_offset());
  auto* keys =
      reinterpret_cast<int8_t*>(base) +
      static_cast<int64_t>(slot / kKeyGroup) * layout.head_dim * kKeyGroup +
      slot % kKeyGroup;
  auto* values = reinterpret_cast<int8_t*>(base + layout.value_offset()) +
                 slot * layout.value_stride();
  scales[slot] = WriteInt8(key, layout.head_dim, kKeyGroup, keys);
  scales[layout.block_size + slot] =
      WriteInt8(value, layout.head_dim, 1, values);
}

}  // namespace

void KvWriteScalar(const KvHeadView& kv, int32_t position, const float* key,
                   const float* value) {
  if (kv.layout.format == KvFormat::kF32) {
    Write<float>(kv, position, key, value, [](float x) { return x; });
  } else if (kv.layout.format == KvFormat::kBf16) {
    Write<uint16_t>(kv, position, key, value, FloatToBf16);
  } else {
    WriteInt8(kv, position, key, value);
  }
}

}  // namespace sluice::generator::kernels
