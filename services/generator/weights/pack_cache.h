#pragma once

// A directory of packed weights, so that only the first start of a model
// quantises.

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/generator/kernels/thread_pool.h"
#include "services/generator/weights/pack_file.h"

namespace sluice::generator {

struct PackCacheOptions {
  // "off", a directory, or "auto": $XDG_CACHE_HOME/sluice, else
  // ~/.cache/sluice.
  std::string directory = "auto";
  // Of all files in it; the least recently used make room.
  int64_t max_bytes = int64_t{32} << 30;
  // Smaller models are packed in no time.
  int64_t least_parameters = 50'000'000;
};

// Errors: INVALID_ARGUMENT "pack_cache: what, got, limit".
absl::Status CheckOptions(const PackCacheOptions& options);

// The directory that the options mean; nothing when there shall be none.
// Errors: NOT_FOUND when "auto" finds neither variable.
absl::StatusOr<std::optional<std::string>> PackCacheDirectory(
    const PackCacheOptions& options);

// What one file holds.
struct PackKey {
  // Where the weights come from and what becomes of them: a new pack takes the
  // place of older ones of the same slot.
  std::string slot;
  // All that the bytes depend on.
  std::string text;
};

// Any number of processes may use one directory. Threads: one at a time.
class PackCache {
 public:
  PackCache(std::string directory, int64_t max_bytes)
      : directory_(std::move(directory)), max_bytes_(max_bytes) {}

  // Fills `payload` with what was saved under that key and returns the hash of
  // the model; the pack then counts as used. After an error the payload may
  // hold anything.
  // Errors: NOT_FOUND; PERMISSION_DENIED for a file of another user;
  // DATA_LOSS and others of ReadPackFile for one that cannot be trusted.
  absl::StatusOr<std::string> Load(const PackKey& key,
                                   absl::Span<uint8_t> payload,
                                   kernels::ThreadPool& pool,
                                   const PackProgress& progress) const;

  // Makes room, then lets the pack appear as a whole. The directory is made
  // when missing, for its owner alone.
  // Errors: RESOURCE_EXHAUSTED, PERMISSION_DENIED and others of the file
  // system; nothing is left behind then.
  absl::Status Save(const PackKey& key, const std::string& hash,
                    absl::Span<const uint8_t> payload,
                    kernels::ThreadPool& pool) const;

  std::string PathOf(const PackKey& key) const;

 private:
  void MakeRoom(const PackKey& key, int64_t bytes) const;

  std::string directory_;
  int64_t max_bytes_;
};

}  // namespace sluice::generator
