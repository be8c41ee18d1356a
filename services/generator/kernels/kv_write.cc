#include "services/generator/kernels/kv_write.h"

#include "services/generator/kernels/bf16.h"

namespace sluice::generator::kernels {
namespace {

template <typename Element, typename Convert>
void Write(const KvHeadView& kv, int32_t position, const float* key,
           const float* value, Convert convert) {
  const KvLayout& layout = kv.layout;
  const int32_t slot = position % layout.block_size;
  const int64_t block = kv.block_table[position / layout.block_size];
  uint8_t* base = kv.base + block * kv.block_stride;
  Element* keys =
      reinterpret_cast<Element*>(base) +
      static_cast<int64_t>(slot / kKeyGroup) * layout.head_dim * kKeyGroup +
      slot % kKeyGroup;
  Element* values = reinterpret_cast<Element*>(base + layout.value_offset()) +
                    slot * layout.value_stride();
  for (int32_t d = 0; d < layout.head_dim; ++d) {
    keys[d * kKeyGroup] = convert(key[d]);
    values[d] = convert(value[d]);
  }
}

}  // namespace

void KvWriteScalar(const KvHeadView& kv, int32_t position, const float* key,
                   const float* value) {
  if (kv.layout.format == KvFormat::kF32) {
    Write<float>(kv, position, key, value, [](float x) { return x; });
  } else {
    Write<uint16_t>(kv, position, key, value, FloatToBf16);
  }
}

}  // namespace sluice::generator::kernels
