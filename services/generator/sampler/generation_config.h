#pragma once

// generation_config.json: the model's own defaults for sampling.

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/generator/sampler/sampling_params.h"

namespace sluice::generator {

// What the file sets; everything absent when there is no file. Keys that we do
// not know are ignored, as transformers does; neutral spellings (null, top_k 0)
// are as good as absent.
// Errors: INVALID_ARGUMENT for a value of the wrong kind or out of range.
absl::StatusOr<SamplingOverrides> ReadSamplingDefaults(
    const std::string& model_directory);

// The same from text.
absl::StatusOr<SamplingOverrides> ParseSamplingDefaults(std::string_view json);

}  // namespace sluice::generator
