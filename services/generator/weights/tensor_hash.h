#pragma once

// What tells models apart in a fingerprint.

#include <string>
#include <vector>

#include "common/modelfiles/safetensors.h"
#include "services/generator/kernels/thread_pool.h"

namespace sluice::generator {

// A hash over name, type, shape and bytes of the tensors: SHA-256 of 4 MiB
// pieces, spread over the pool, then of all of those; lower-case hex. The order
// of `names`, shards and offsets do not matter.
// REQUIRES: the reader has all of them.
std::string HashTensors(const SafetensorsReader& reader,
                        std::vector<std::string> names,
                        kernels::ThreadPool& pool);

}  // namespace sluice::generator
