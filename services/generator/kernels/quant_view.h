#pragma once

// Weights of 8 or 4 bits and rows of 8-bit activations as the kernels read
// them: docs/formats.md has the bits.
//
// A panel holds 32 output rows and lies strictly forward, group after group of
// columns: the 32 float16 scales, then (where the format has them) the 32
// float16 minima, then the codes, four columns of a row side by side. A code q
// stands for scale * (q - zero point), with a minimum for scale * q + minimum.

#include <cstdint>

namespace sluice::generator::kernels {

inline constexpr int32_t kQuantPanelRows = 32;
// Columns that share a scale in a row of activations.
inline constexpr int32_t kActivationBlock = 256;
// Columns of the shortest group.
inline constexpr int32_t kMinGroup = 32;

inline constexpr int32_t kInt8ZeroPoint = 128;
inline constexpr int32_t kInt4ZeroPoint = 8;

// [rows, columns]; lent. Rows past the end and columns up to a whole group are
// there and stand for zero.
struct QuantMatrixView {
  const uint8_t* panels = nullptr;  // 64-byte aligned
  int32_t rows = 0;                 // outputs
  int32_t columns = 0;
  int32_t bits = 8;           // 8 or 4
  int32_t group = kMinGroup;  // columns: 32, 64 or 128
  bool has_minimum = false;   // 4 bits only
  int64_t group_bytes = 0;    // of one group of a panel
  int64_t panel_bytes = 0;
};

// Rows of activations: x = value * scale of its row and block of 256 columns,
// |value| <= 127. Lent; the kernels that quantise write it, the products read
// it.
struct QuantRowsView {
  int8_t* values = nullptr;  // [blocks][rows][256], zero past `columns`
  float* scales = nullptr;   // [blocks][rows]
  int32_t* sums = nullptr;   // [blocks][rows][256 / group]: values of a group
                             // summed, times sum_factor
  int32_t rows = 0;
  int32_t columns = 0;
  int32_t group = kMinGroup;  // of the weights that the rows shall meet
  int32_t sum_factor = 0;     // SumFactor of these weights
};

}  // namespace sluice::generator::kernels
