#pragma once

// How far a long job over bytes is, for people who watch.

#include <cstdint>
#include <functional>

namespace sluice::generator {

using ByteProgress =
    std::function<void(int64_t done_bytes, int64_t total_bytes)>;

// Draws a bar on stderr, a new one for each percent; empty when stderr is no
// terminal. Threads: one at a time.
ByteProgress TerminalProgressBar();

}  // namespace sluice::generator
