#pragma once

#include "absl/status/status.h"

namespace sluice::gateway {

// gRPC's own words for a peer that cannot be reached hold addresses and
// system errors that are no client's business; what our services say
// themselves carries a reason and passes. Threads: any (pure).
absl::Status WithoutConnectionDetails(const absl::Status& status);

}  // namespace sluice::gateway
