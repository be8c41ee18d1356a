#pragma once

// Rows of weights into panels and back.

#include <cstdint>

#include "services/generator/kernels/quant_view.h"
#include "services/generator/quant/group_codes.h"

namespace sluice::generator {

QuantFormat FormatOf(const kernels::QuantMatrixView& shape);

// Writes group `index` of the row that stands in `lane` (0 to 31) of a panel.
void StoreGroup(const kernels::QuantMatrixView& shape, int32_t lane,
                int32_t index, const GroupCodes& group, uint8_t* panel);
// What StoreGroup wrote for `row` of the matrix.
GroupCodes LoadGroup(const kernels::QuantMatrixView& view, int32_t row,
                     int32_t index);

// Quantises a row, w [shape.columns], into a lane of a panel.
// REQUIRES: |w| <= kMaxQuantWeight.
void QuantizeRowIntoPanel(const kernels::QuantMatrixView& shape, const float* w,
                          int32_t lane, uint8_t* panel);

}  // namespace sluice::generator
