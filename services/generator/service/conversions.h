#pragma once

// Wire messages <-> the engine's own values. Threads: any.

#include <string>

#include "absl/status/statusor.h"
#include "services/generator/engine/outbox.h"
#include "services/generator/sampler/sampling_params.h"
#include "services/generator/scheduler/request.h"
#include "services/generator/service/served_model.h"
#include "sluice/generator/v1/generator.pb.h"

namespace sluice::generator {

// Takes over what the message says; Request::Create judges it.
// Errors: INVALID_ARGUMENT for an unknown priority.
absl::StatusOr<RequestFields> ToFields(const v1::GenerateRequest& message);

SamplingOverrides ToOverrides(const v1::SamplingParams& message);
v1::SamplingParams ToProto(const SamplingOverrides& overrides);
v1::SamplingParams ToProto(const SamplingParams& params);

// `fingerprint` is part of Started.
v1::GenerateResponse ToProto(const StreamMessage& message,
                             const std::string& fingerprint);

v1::GetModelInfoResponse ToProto(const ServedModel& model);

}  // namespace sluice::generator
