#pragma once

// Writes a GGUF file, version 3: keys and values, then tensors, each from a
// multiple of 32 bytes on.
// Source: the GGUF specification of the ggml project.

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "bench/peers/gguf/gguf_blocks.h"

namespace sluice::bench {

// Keys and values in the order they were added.
class GgufMetadata {
 public:
  void AddString(std::string_view key, std::string_view value);
  void AddUint32(std::string_view key, uint32_t value);
  void AddFloat(std::string_view key, float value);
  void AddBool(std::string_view key, bool value);
  void AddStrings(std::string_view key, absl::Span<const std::string> values);
  void AddInts(std::string_view key, absl::Span<const int32_t> values);

  uint64_t count() const { return count_; }
  const std::string& bytes() const { return bytes_; }

 private:
  void Begin(std::string_view key, uint32_t kind);

  uint64_t count_ = 0;
  std::string bytes_;
};

struct GgufTensorSpec {
  std::string name;
  std::vector<int64_t> shape;  // outermost first, as safetensors has it
  GgufType type = GgufType::kF32;
};

// The file appears under its name only when Finish succeeds.
// Threads: one at a time.
class GgufWriter {
 public:
  // REQUIRES: the last dimension of each shape is whole blocks of its type.
  // Errors: those of FileError.
  static absl::StatusOr<std::unique_ptr<GgufWriter>> Create(
      const std::string& path, const GgufMetadata& metadata,
      absl::Span<const GgufTensorSpec> tensors);

  GgufWriter(const GgufWriter&) = delete;
  GgufWriter& operator=(const GgufWriter&) = delete;
  // An unfinished file is removed.
  ~GgufWriter();

  // Values of the next tensor in order, in pieces of whole rows.
  // Errors: those of FileError.
  absl::Status Append(absl::Span<const float> values);
  // REQUIRES: every tensor was appended whole.
  absl::Status Finish();

 private:
  explicit GgufWriter(const std::string& path);
  absl::Status Write(const void* bytes, size_t count);
  absl::Status Pad();

  const std::string path_;
  const std::string temporary_path_;
  FILE* file_ = nullptr;
  std::vector<GgufTensorSpec> tensors_;
  size_t tensor_ = 0;     // the one that Append goes on with
  int64_t appended_ = 0;  // values of it
  uint64_t written_ = 0;  // bytes of the file
  std::vector<uint8_t> blocks_;
};

}  // namespace sluice::bench
