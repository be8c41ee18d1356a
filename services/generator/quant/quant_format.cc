#include "services/generator/quant/quant_format.h"

#include <array>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/generator/kernels/quant_code.h"

namespace sluice::generator {
namespace {

constexpr std::array<QuantFormat, 9> kFormats = {{{8, 32, false},
                                                  {8, 64, false},
                                                  {8, 128, false},
                                                  {4, 32, false},
                                                  {4, 64, false},
                                                  {4, 128, false},
                                                  {4, 32, true},
                                                  {4, 64, true},
                                                  {4, 128, true}}};

}  // namespace

std::string QuantFormatName(const QuantFormat& format) {
  return absl::StrCat("int", format.bits, "g", format.group,
                      format.has_minimum ? "m" : "");
}

absl::StatusOr<QuantFormat> ParseQuantFormat(std::string_view field,
                                             std::string_view name) {
  std::string known;
  for (const QuantFormat& format : kFormats) {
    if (QuantFormatName(format) == name) return format;
    absl::StrAppend(&known, known.empty() ? "" : ", ", QuantFormatName(format));
  }
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(field), ": unknown format, got \"",
                   std::string(name), "\", supported: ", known));
}

kernels::QuantMatrixView QuantShape(const QuantFormat& format, int32_t rows,
                                    int32_t columns) {
  kernels::QuantMatrixView shape;
  shape.rows = rows;
  shape.columns = columns;
  shape.bits = format.bits;
  shape.group = format.group;
  shape.has_minimum = format.has_minimum;
  return kernels::MakeQuantView(shape);
}

int64_t QuantBytes(const kernels::QuantMatrixView& shape) {
  const int64_t panels = (int64_t{shape.rows} + kernels::kQuantPanelRows - 1) /
                         kernels::kQuantPanelRows;
  return panels * shape.panel_bytes;
}

}  // namespace sluice::generator
