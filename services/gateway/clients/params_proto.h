#pragma once

// Sampling parameters between the domain and the wire. Threads: any (pure).

#include "services/gateway/api/sampling_params.h"
#include "sluice/generator/v1/sampling.pb.h"

namespace sluice::gateway {

// Floats become the shortest decimal that names them: 0.7f is 0.7.
api::SamplingParams FromProto(const generator::v1::SamplingParams& params);

// REQUIRES: the parameters are valid (api/validator.h).
generator::v1::SamplingParams ToProto(const api::SamplingParams& params);

// The float's shortest decimal as a double; what is not finite stays so.
double ShortestDouble(float value);

}  // namespace sluice::gateway
