#pragma once

// How much memory this process may still take.

#include <cstdint>
#include <string>

namespace sluice::generator {

// The least of what the system has available (MemAvailable) and of the room in
// the control groups this process is in (version 1 or 2): limit less what is
// used, pages of files aside that are given up for the asking. Where nothing
// says, the largest number. `root` stands in for "/" in tests. Threads: any.
int64_t AvailableMemoryBytes(const std::string& root = "");

}  // namespace sluice::generator
