#pragma once

// Who goes first. Threads: engine thread only.

#include "absl/types/span.h"
#include "services/generator/scheduler/sequence.h"

namespace sluice::generator {

// Aged priority class, then the tenant served the fewest tokens, then arrival.
bool ComesBefore(const LiveRequest& a, const LiveRequest& b);
// Of one request, the lower index first.
bool ComesBefore(const Sequence& a, const Sequence& b);

// Running, of the same request, with the whole prompt cached: its blocks may be
// shared. Null when there is none.
const Sequence* ForkSource(const Sequence& sequence);
// A sibling prefills the prompt that `sequence` will then share.
bool SiblingPrefills(const Sequence& sequence);

// The running sequence that is the first to lose its blocks; null when none
// may. With `paused_only` only those of paused requests.
Sequence* PickVictim(absl::Span<Sequence* const> running, bool paused_only);

}  // namespace sluice::generator
