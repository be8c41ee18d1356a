#pragma once

// A quantised matrix that each turn finds in memory and not in a cache, and
// rows that meet it.

#include <algorithm>
#include <cstring>
#include <vector>

#include "services/generator/kernels/huge_buffer.h"
#include "services/generator/kernels/linear.h"
#include "services/generator/kernels/quant_code.h"
#include "services/generator/kernels/quant_view.h"

namespace sluice::generator::kernels {

struct QuantShape {
  const char* name;
  int32_t rows;  // outputs
  int32_t columns;
};
struct QuantFormat {
  const char* name;
  int32_t bits, group;
  bool has_minimum;
};

// Threads: one at a time.
class ColdQuantWeights {
 public:
  // Takes about `bytes`. CHECKs that they can be had.
  ColdQuantWeights(const QuantShape& shape, const QuantFormat& format,
                   int64_t bytes) {
    view_.rows = shape.rows;
    view_.columns = shape.columns;
    view_.bits = format.bits;
    view_.group = format.group;
    view_.has_minimum = format.has_minimum;
    view_ = MakeQuantView(view_);
    bytes_ = PanelCount(shape.rows) * view_.panel_bytes;
    copies_ = std::max<int64_t>(1, bytes / bytes_);
    memory_ = *HugeBuffer::Allocate(bytes_ * copies_);
    // Codes of some value, scales of 0x1c1c: 0.004.
    std::memset(memory_.bytes(), 0x1c, memory_.size());
  }
  QuantMatrixView Next() {
    view_.panels = memory_.bytes() + bytes_ * (turn_++ % copies_);
    return view_;
  }
  int64_t bytes() const { return bytes_; }  // of one copy

 private:
  QuantMatrixView view_;
  int64_t bytes_ = 0;
  int64_t copies_ = 0;
  HugeBuffer memory_;
  int64_t turn_ = 0;
};

struct QuantInputs {
  QuantInputs(const QuantMatrixView& weights, int32_t rows)
      : blocks((weights.columns + kActivationBlock - 1) / kActivationBlock),
        values(*HugeBuffer::Allocate(size_t(blocks) * rows * kActivationBlock)),
        scales(size_t(blocks) * rows, 0.01f),
        sums(scales.size() * kActivationBlock / weights.group, 0) {
    view = {reinterpret_cast<int8_t*>(values.bytes()),
            scales.data(),
            sums.data(),
            rows,
            weights.columns,
            weights.group,
            SumFactor(weights.bits, weights.has_minimum)};
    std::memset(values.bytes(), 3, values.size());
  }

  int32_t blocks;
  HugeBuffer values;
  std::vector<float> scales;
  std::vector<int32_t> sums;
  QuantRowsView view;
};

}  // namespace sluice::generator::kernels
