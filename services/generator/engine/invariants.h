#pragma once

// What must hold between any two steps, whatever came before. The simulation
// checks it after each step.

#include "absl/status/status.h"
#include "services/generator/scheduler/scheduler.h"

namespace sluice::generator {

// Reads everything: linear in blocks and sequences.
// REQUIRES: no plan is open.
// Errors: INTERNAL, naming the first invariant that is broken:
//   - each block is free or held, and its references are those of the tables;
//   - a block is shared within one tenant alone, and in a table once;
//   - a sequence that waits or has ended holds nothing, one that runs holds
//     the positions it has computed;
//   - a sequence is in the list of its state, once, and in no other;
//   - nobody was preempted more often than the options allow.
absl::Status CheckInvariants(const Scheduler& scheduler);

}  // namespace sluice::generator
