#include "services/generator/runner/quant_rows_buffer.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "services/generator/kernels/quant_code.h"

namespace sluice::generator {
namespace {

using kernels::kActivationBlock;

int64_t BlocksOf(int64_t columns) {
  return (columns + kActivationBlock - 1) / kActivationBlock;
}

}  // namespace

absl::StatusOr<QuantRowsBuffer> QuantRowsBuffer::Create(int32_t max_rows,
                                                        int32_t max_columns) {
  QuantRowsBuffer buffer;
  buffer.max_blocks_ = max_rows * BlocksOf(max_columns);
  const int64_t bytes = buffer.max_blocks_ * kActivationBlock;
  auto values = kernels::HugeBuffer::Allocate(static_cast<size_t>(bytes));
  if (!values.has_value()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("scratch: no memory for ", bytes, " bytes"));
  }
  buffer.values_ = *std::move(values);
  buffer.values_.Populate();
  buffer.scales_.resize(buffer.max_blocks_);
  buffer.sums_.resize(buffer.max_blocks_ * kActivationBlock /
                      kernels::kMinGroup);
  return buffer;
}

kernels::QuantRowsView QuantRowsBuffer::View(
    const kernels::QuantMatrixView& weights, int32_t rows) {
  SLUICE_CHECK(rows * BlocksOf(weights.columns) <= max_blocks_,
               "rows beyond their buffer");
  return {.values = reinterpret_cast<int8_t*>(values_.bytes()),
          .scales = scales_.data(),
          .sums = sums_.data(),
          .rows = rows,
          .columns = weights.columns,
          .group = weights.group,
          .sum_factor = kernels::SumFactor(weights.bits, weights.has_minimum)};
}

}  // namespace sluice::generator
