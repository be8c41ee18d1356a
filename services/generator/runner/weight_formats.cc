#include "services/generator/runner/weight_formats.h"

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"

namespace sluice::generator {
namespace {

// Measured (./dev prove quant-error): with 8 bits the activations err more than
// the weights, so wide groups, which are fewer bytes, cost nothing; with 4 bits
// the weights do.
constexpr int32_t kDefaultGroup8 = 128;
constexpr int32_t kDefaultGroup4 = 32;

absl::StatusOr<QuantFormat> FormatOf(const char* field, const std::string& name,
                                     int32_t group, const char* known) {
  QuantFormat format;
  if (name == "int8") {
    format.bits = 8;
  } else if (name == "int4") {
    format.bits = 4;
  } else {
    return FieldError(field, "unknown format", name, known);
  }
  const int32_t usual = format.bits == 8 ? kDefaultGroup8 : kDefaultGroup4;
  format.group = group == 0 ? usual : group;
  return format;
}

}  // namespace

absl::StatusOr<DecoderFormats> ChooseFormats(const QuantizeOptions& options,
                                             int64_t parameters) {
  const int32_t group = options.group;
  if (group != 0 && group != 32 && group != 64 && group != 128) {
    return FieldError("quantize_group", "unknown size", absl::StrCat(group),
                      "0, 32, 64 or 128");
  }
  DecoderFormats formats;
  ASSIGN_OR_RETURN(formats.head, FormatOf("quantize_head", options.head, group,
                                          "int8 or int4"));
  std::string layers = options.layers;
  if (layers == "auto") {
    layers = parameters < kAutoQuantizeParameters ? "none" : "int8";
  }
  if (layers == "none") return DecoderFormats{};
  ASSIGN_OR_RETURN(formats.layers, FormatOf("quantize", layers, group,
                                            "auto, none, int8 or int4"));
  return formats;
}

}  // namespace sluice::generator
