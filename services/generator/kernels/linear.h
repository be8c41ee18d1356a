#pragma once

// y = x W^T (+ bias) over weights packed in panels.
//
// A panel holds 32 output rows, column after column: element (row, column) of
// panel p is panels[(p * columns + column) * 32 + row % 32]. It is read once,
// strictly forward. Rows past the end of the matrix are zero.
//
// Order of reduction, the same for every output, row count and instruction
// set: columns in blocks of 128, inside a block one fused multiply-add after
// the other from zero, then the block sums added one after the other. Then
// comes the bias, then what stood in the output.

#include <cstdint>

namespace sluice::generator::kernels {

inline constexpr int32_t kPanelRows = 32;
inline constexpr int32_t kReductionBlock = 128;

enum class WeightFormat : int32_t { kF32, kBf16 };

// [rows, columns]; lent.
struct PackedMatrixView {
  const void* panels = nullptr;  // 64-byte aligned
  WeightFormat format = WeightFormat::kF32;
  int32_t rows = 0;  // outputs
  int32_t columns = 0;
};

struct LinearCall {
  PackedMatrixView weights;
  const float* bias = nullptr;  // [weights.rows] or null
  const float* x = nullptr;     // [x_rows, weights.columns]
  int64_t x_stride = 0;         // floats from row to row
  int32_t x_rows = 0;
  float* out = nullptr;  // [x_rows, weights.rows]
  int64_t out_stride = 0;
  bool add_to_out = false;  // out += instead of out =
};

constexpr int32_t PanelCount(int32_t rows) {
  return (rows + kPanelRows - 1) / kPanelRows;
}

// Computes the outputs of panels [panel_begin, panel_end).
// Threads: any; calls with disjoint panels may run together.
using LinearFn = void (*)(const LinearCall& call, int32_t panel_begin,
                          int32_t panel_end);

void LinearScalar(const LinearCall& call, int32_t panel_begin,
                  int32_t panel_end);
void LinearAvx2(const LinearCall& call, int32_t panel_begin, int32_t panel_end);
void LinearAvx512(const LinearCall& call, int32_t panel_begin,
                  int32_t panel_end);

}  // namespace sluice::generator::kernels
