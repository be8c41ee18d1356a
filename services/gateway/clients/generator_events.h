#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "services/gateway/pipeline/ports.h"
#include "sluice/generator/v1/generator.pb.h"

namespace sluice::gateway {

// The pipeline's event for a message; nothing for a kind of event that this
// build does not know (a newer Generator's). Errors: INTERNAL for a finish
// reason that means nothing. Threads: any (pure).
absl::StatusOr<std::optional<GeneratorEvent>> FromProto(
    const generator::v1::GenerateResponse& response);

generator::v1::GenerateRequest ToProto(const Attempt& attempt);

}  // namespace sluice::gateway
