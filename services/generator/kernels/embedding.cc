#include "services/generator/kernels/embedding.h"

#include <algorithm>

#include "services/generator/kernels/bf16.h"
#include "services/generator/kernels/quant_code.h"

namespace sluice::generator::kernels {

void EmbeddingLookup(const PackedMatrixView& table, int32_t row, float* out) {
  const int64_t start =
      static_cast<int64_t>(row / kPanelRows) * table.columns * kPanelRows +
      row % kPanelRows;
  if (table.format == WeightFormat::kF32) {
    const float* from = static_cast<const float*>(table.panels) + start;
    for (int32_t k = 0; k < table.columns; ++k) out[k] = from[k * kPanelRows];
  } else {
    const uint16_t* from = static_cast<const uint16_t*>(table.panels) + start;
    for (int32_t k = 0; k < table.columns; ++k) {
      out[k] = Bf16ToFloat(from[k * kPanelRows]);
    }
  }
}

void EmbeddingLookup(const QuantMatrixView& table, int32_t row, float* out) {
  const int32_t lane = row % kQuantPanelRows;
  const int32_t mask = table.bits == 8 ? 0xff : 0x0f;
  for (int32_t begin = 0; begin < table.columns; begin += table.group) {
    const int32_t index = begin / table.group;
    const QuantGroup group = GroupAt(table, row, index);
    const uint8_t* codes =
        GroupBytesAt(table, row, index) + QuantCodeOffset(table.has_minimum);
    const int32_t count = std::min(table.group, table.columns - begin);
    for (int32_t k = 0; k < count; ++k) {
      const CodePlace place = CodePlaceOf(table.bits, lane, k);
      const int32_t code = codes[place.byte] >> place.shift & mask;
      out[begin + k] =
          static_cast<float>(code - group.zero_point) * group.scale +
          group.minimum;
    }
  }
}

}  // namespace sluice::generator::kernels
