#pragma once

// Memory of machines with several nodes: docs/adr/0010 says why large buffers
// are spread over all of them.

#include <cstddef>
#include <string>
#include <vector>

namespace sluice::generator::kernels {

// The nodes with memory that this process may use, ascending; empty where the
// kernel does not tell. `root` stands in for "/" in tests. Threads: any.
std::vector<int> MemoryNodes(const std::string& root = "");

// Has the pages of [address, address + bytes) that are not yet there come from
// the nodes in turn. A wish, as madvise is: returns whether the kernel took it.
// REQUIRES: `address` begins a page. Threads: any.
bool SpreadOverNodes(void* address, size_t bytes,
                     const std::vector<int>& nodes);

}  // namespace sluice::generator::kernels
