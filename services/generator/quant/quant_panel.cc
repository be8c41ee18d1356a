#include "services/generator/quant/quant_panel.h"

#include <algorithm>
#include <cstring>

#include "services/generator/kernels/quant_code.h"

namespace sluice::generator {
namespace {

// Bytes from one step of four columns to the next.
constexpr int64_t kLine = kernels::kQuantPanelRows * 4;

void StoreCodes8(const uint8_t* codes, int32_t group, uint8_t* to) {
  for (int32_t k = 0; k < group; k += 4, to += kLine) {
    std::memcpy(to, codes + k, 4);
  }
}

void StoreCodes4(const uint8_t* codes, int32_t group, uint8_t* to) {
  for (int32_t k = 0; k < group; k += 8, to += kLine) {
    uint8_t four[4];
    for (int32_t i = 0; i < 4; ++i) {
      four[i] = static_cast<uint8_t>(codes[k + i] | codes[k + 4 + i] << 4);
    }
    std::memcpy(to, four, 4);
  }
}

}  // namespace

QuantFormat FormatOf(const kernels::QuantMatrixView& shape) {
  return {shape.bits, shape.group, shape.has_minimum};
}

void StoreGroup(const kernels::QuantMatrixView& shape, int32_t lane,
                int32_t index, const GroupCodes& group, uint8_t* panel) {
  uint8_t* at = panel + index * shape.group_bytes;
  std::memcpy(at + 2 * lane, &group.scale, 2);
  if (shape.has_minimum) {
    std::memcpy(at + 2 * (kernels::kQuantPanelRows + lane), &group.minimum, 2);
  }
  uint8_t* codes = at + kernels::QuantCodeOffset(shape.has_minimum) + 4 * lane;
  if (shape.bits == 8) {
    StoreCodes8(group.codes, shape.group, codes);
  } else {
    StoreCodes4(group.codes, shape.group, codes);
  }
}

GroupCodes LoadGroup(const kernels::QuantMatrixView& view, int32_t row,
                     int32_t index) {
  GroupCodes group;
  const uint8_t* at = kernels::GroupBytesAt(view, row, index);
  const int32_t lane = row % kernels::kQuantPanelRows;
  std::memcpy(&group.scale, at + 2 * lane, 2);
  if (view.has_minimum) {
    std::memcpy(&group.minimum, at + 2 * (kernels::kQuantPanelRows + lane), 2);
  }
  for (int32_t k = 0; k < view.group; ++k) {
    group.codes[k] = static_cast<uint8_t>(
        kernels::CodeAt(view, row, index * view.group + k));
  }
  return group;
}

void QuantizeRowIntoPanel(const kernels::QuantMatrixView& shape, const float* w,
                          int32_t lane, uint8_t* panel) {
  const QuantFormat format = FormatOf(shape);
  GroupCodes group;
  for (int32_t k = 0; k < shape.columns; k += shape.group) {
    QuantizeGroup(format, w + k, std::min(shape.group, shape.columns - k),
                  group);
    StoreGroup(shape, lane, k / shape.group, group, panel);
  }
}

}  // namespace sluice::generator
