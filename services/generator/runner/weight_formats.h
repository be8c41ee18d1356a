#pragma once

// Which formats the weights of a model are stored in.

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "services/generator/models/decoder_weights.h"

namespace sluice::generator {

// Smaller models lose more by quantisation and gain less.
inline constexpr int64_t kAutoQuantizeParameters = 50'000'000;

struct QuantizeOptions {
  // Stored format of the matrices: "none" (as in the files), "int8", "int4",
  // or "auto": none below kAutoQuantizeParameters, else int8.
  std::string layers = "auto";
  // Of embedding and head where the layers are quantised: "int8" or "int4".
  std::string head = "int8";
  // Columns that share a scale: 32, 64 or 128; 0: 128 for int8, 32 for int4.
  int32_t group = 0;
};

// Errors: INVALID_ARGUMENT "quantize: what, got, limit" (or quantize_head,
// quantize_group).
absl::StatusOr<DecoderFormats> ChooseFormats(const QuantizeOptions& options,
                                             int64_t parameters);

}  // namespace sluice::generator
