#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "common/base/clock.h"

namespace sluice::gateway {

// What a client is told when a service of ours fails, the one place where that
// is decided. `service` is "tokenizer" or "generator". Refusals keep code,
// words and details; a lost, stale or unwilling peer is UNAVAILABLE; what it
// should never have answered is INTERNAL.
// REQUIRES: !status.ok(). Threads: any (pure).
absl::Status FromBackend(std::string_view service, const absl::Status& status);

// RESOURCE_EXHAUSTED and UNAVAILABLE say when to try again: after `delay`,
// unless they say so already. Others pass. Threads: any (pure).
absl::Status TellWhenToRetry(absl::Status status, Nanos delay);

}  // namespace sluice::gateway
