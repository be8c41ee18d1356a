#pragma once

// A file of packed weights, docs/formats.md: written once, read whole, and
// believed in no byte that has not been checked.

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/generator/kernels/thread_pool.h"

namespace sluice::generator {

// Of the file and of what lies in it: change it with the layout of panels, with
// the quantiser, with the order of the parts or with the header.
inline constexpr uint32_t kPackVersion = 1;
// Bytes under one checksum: they stay in the cache of a core between reading
// and checking.
inline constexpr int64_t kPackChunkBytes = int64_t{256} << 10;

// Told on the calling thread how many bytes are done.
using PackProgress = std::function<void(int64_t done_bytes)>;

// Size of the whole file.
int64_t PackFileBytes(const std::string& key, int64_t payload_bytes);

// Writes header, checksums and payload into an empty file and has them on the
// disk. `key` says what the payload was made from, `hash`, 64 characters, is
// the hash of the model.
// Errors: RESOURCE_EXHAUSTED (disk or file size limit), INTERNAL.
absl::Status WritePackFile(int fd, const std::string& path,
                           const std::string& key, const std::string& hash,
                           absl::Span<const uint8_t> payload,
                           kernels::ThreadPool& pool);

// Fills `payload` with what was written under that key and returns the hash of
// the model. After an error the payload may hold anything.
// Errors: DATA_LOSS "FILE: what, got, limit" when anything about
// the file is not as it must be, or it cannot be read.
absl::StatusOr<std::string> ReadPackFile(int fd, const std::string& path,
                                         const std::string& key,
                                         absl::Span<uint8_t> payload,
                                         kernels::ThreadPool& pool,
                                         const PackProgress& progress);

}  // namespace sluice::generator
