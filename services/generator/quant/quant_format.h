#pragma once

// The quantised weight formats by name. docs/formats.md is the spec.

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/generator/kernels/quant_view.h"

namespace sluice::generator {

struct QuantFormat {
  int32_t bits = 8;          // 8 or 4
  int32_t group = 32;        // columns: 32, 64 or 128
  bool has_minimum = false;  // 4 bits only

  friend bool operator==(const QuantFormat&, const QuantFormat&) = default;
};

// "int8g32", "int4g64", "int4g32m": bits, columns of a group, minimum.
std::string QuantFormatName(const QuantFormat& format);
// Errors: INVALID_ARGUMENT "field: what, got, limit".
absl::StatusOr<QuantFormat> ParseQuantFormat(std::string_view field,
                                             std::string_view name);

// A matrix of that format without its bytes.
// REQUIRES: rows and columns are positive.
kernels::QuantMatrixView QuantShape(const QuantFormat& format, int32_t rows,
                                    int32_t columns);
// Of the whole matrix, a multiple of 64.
int64_t QuantBytes(const kernels::QuantMatrixView& shape);

}  // namespace sluice::generator
