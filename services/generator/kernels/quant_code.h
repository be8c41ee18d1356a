#pragma once

// Single codes and scales of quantised weights: slow and obvious, the oracle
// of the layout. Not for files with their own instruction set flags.

#include <cstdint>
#include <cstring>

#include "services/generator/kernels/half.h"
#include "services/generator/kernels/quant_view.h"

namespace sluice::generator::kernels {

struct QuantGroup {
  float scale = 0.0f;
  float minimum = 0.0f;
  int32_t zero_point = 0;
};

// What turns the summed values of a row of activations into what the kernels
// start from: less the zero points, or the sum itself for the minimum.
constexpr int32_t SumFactor(int32_t bits, bool has_minimum) {
  if (has_minimum) return 1;
  return bits == 8 ? -kInt8ZeroPoint : -kInt4ZeroPoint;
}

// Bytes of one group of a panel.
constexpr int64_t QuantGroupBytes(int32_t bits, int32_t group,
                                  bool has_minimum) {
  return (has_minimum ? 2 : 1) * int64_t{2} * kQuantPanelRows +
         int64_t{kQuantPanelRows} * group * bits / 8;
}

// Where the codes of a group begin.
constexpr int64_t QuantCodeOffset(bool has_minimum) {
  return (has_minimum ? 2 : 1) * int64_t{2} * kQuantPanelRows;
}

// A view over `panels` with the sizes filled in.
constexpr QuantMatrixView MakeQuantView(const QuantMatrixView& shape) {
  QuantMatrixView view = shape;
  view.group_bytes =
      QuantGroupBytes(shape.bits, shape.group, shape.has_minimum);
  view.panel_bytes =
      (shape.columns + shape.group - 1) / shape.group * view.group_bytes;
  return view;
}

inline const uint8_t* GroupBytesAt(const QuantMatrixView& view, int32_t row,
                                   int32_t group) {
  return view.panels + row / kQuantPanelRows * view.panel_bytes +
         group * view.group_bytes;
}

inline QuantGroup GroupAt(const QuantMatrixView& view, int32_t row,
                          int32_t group) {
  const uint8_t* scales = GroupBytesAt(view, row, group);
  const int32_t lane = row % kQuantPanelRows;
  uint16_t bits[2];
  std::memcpy(&bits[0], scales + 2 * lane, 2);
  std::memcpy(&bits[1], scales + 2 * kQuantPanelRows + 2 * lane, 2);
  QuantGroup out;
  out.scale = HalfToFloat(bits[0]);
  if (view.has_minimum) {
    out.minimum = HalfToFloat(bits[1]);
  } else {
    out.zero_point = view.bits == 8 ? kInt8ZeroPoint : kInt4ZeroPoint;
  }
  return out;
}

// Of column k inside its group: the byte, and for 4 bits the shift in it.
struct CodePlace {
  int64_t byte = 0;
  int32_t shift = 0;
};
constexpr CodePlace CodePlaceOf(int32_t bits, int32_t lane, int32_t k) {
  const int64_t in_line = int64_t{lane} * 4 + k % 4;
  constexpr int64_t kLine = kQuantPanelRows * 4;
  if (bits == 8) return {k / 4 * kLine + in_line, 0};
  return {k / 8 * kLine + in_line, k / 4 % 2 * 4};
}

inline int32_t CodeAt(const QuantMatrixView& view, int32_t row,
                      int32_t column) {
  const uint8_t* codes = GroupBytesAt(view, row, column / view.group) +
                         QuantCodeOffset(view.has_minimum);
  const CodePlace place =
      CodePlaceOf(view.bits, row % kQuantPanelRows, column % view.group);
  return codes[place.byte] >> place.shift & (view.bits == 8 ? 0xff : 0x0f);
}

inline float WeightAt(const QuantMatrixView& view, int32_t row,
                      int32_t column) {
  const QuantGroup group = GroupAt(view, row, column / view.group);
  const int32_t code = CodeAt(view, row, column) - group.zero_point;
  return static_cast<float>(code) * group.scale + group.minimum;
}

}  // namespace sluice::generator::kernels
