#include "services/generator/kernels/embedding.h"

#include "services/generator/kernels/bf16.h"

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

}  // namespace sluice::generator::kernels
