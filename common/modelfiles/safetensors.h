#pragma once

// Safetensors files: u64 little-endian header size, a JSON header, then the
// bytes of the tensors without gaps.

#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace sluice {

enum class TensorType : uint8_t {
  kBool,
  kU8,
  kI8,
  kF8E4M3,
  kF8E5M2,
  kU16,
  kI16,
  kF16,
  kBF16,
  kU32,
  kI32,
  kF32,
  kU64,
  kI64,
  kF64,
};

// Bytes of one element.
int64_t TensorTypeBytes(TensorType type);
// As the format spells it: "F32", "BF16", ...
std::string_view TensorTypeName(TensorType type);

struct TensorSpec {
  std::string name;
  TensorType type = TensorType::kF32;
  std::vector<int64_t> shape;  // empty for a scalar
};

// A tensor inside an open file.
struct TensorView {
  std::string name;
  TensorType type = TensorType::kF32;
  std::vector<int64_t> shape;
  // Row-major. No alignment is promised, not even that of the element: read
  // with memcpy. Lives as long as the SafetensorsReader.
  absl::Span<const uint8_t> bytes;

  int64_t elements() const {
    return static_cast<int64_t>(bytes.size()) / TensorTypeBytes(type);
  }
};

// "[2, 3]"
std::string ShapeToString(absl::Span<const int64_t> shape);

// One file or the shards of a directory, mapped read-only. Everything that the
// header claims has been checked against the file when Open returns: sizes
// without overflow, offsets that tile the data exactly.
// Limits: header <= 100 MB, names <= 1024 bytes, rank <= 8, <= 4096 shards.
// Threads: immutable after construction.
class SafetensorsReader {
 public:
  // Errors: NOT_FOUND when the file is missing, INVALID_ARGUMENT
  // "FILE: what, got, limit" when it is not a valid safetensors file.
  static absl::StatusOr<std::unique_ptr<SafetensorsReader>> OpenFile(
      const std::string& path);
  // model.safetensors, or the shards that model.safetensors.index.json names;
  // every tensor must be in the shard that weight_map says, and no other.
  static absl::StatusOr<std::unique_ptr<SafetensorsReader>> OpenDirectory(
      const std::string& directory);

  SafetensorsReader(const SafetensorsReader&) = delete;
  SafetensorsReader& operator=(const SafetensorsReader&) = delete;
  ~SafetensorsReader();

  // In order of shard and offset.
  absl::Span<const TensorView> tensors() const { return tensors_; }
  // Null when there is none. Lives as long as the reader.
  const TensorView* Find(std::string_view name) const;
  // `__metadata__` of all shards together.
  const std::map<std::string, std::string>& metadata() const {
    return metadata_;
  }
  // Bytes of all tensors.
  int64_t tensor_bytes() const { return tensor_bytes_; }
  // Tells the kernel that the pages of a tensor are not needed again.
  void DropPages(const TensorView& tensor) const;
  // Tells the kernel to begin reading the pages of a tensor. Returns at once.
  void PrefetchPages(const TensorView& tensor) const;

 private:
  struct Mapping {
    void* address = nullptr;
    size_t size = 0;
  };

  SafetensorsReader() = default;
  absl::Status AddFile(const std::string& path);
  absl::Status AddShards(const std::string& directory,
                         const std::string& index_path);

  std::vector<Mapping> mappings_;
  std::vector<TensorView> tensors_;
  std::unordered_map<std::string, size_t> index_;
  std::map<std::string, std::string> metadata_;
  int64_t tensor_bytes_ = 0;
};

// Writes one file in bounded memory: the specs first, then the bytes of the
// tensors in that order, in pieces of any size. The file appears under its name
// only when Finish succeeds.
//
//   ASSIGN_OR_RETURN(auto writer, SafetensorsWriter::Create(path, specs));
//   for (...) RETURN_IF_ERROR(writer->Append(bytes));
//   RETURN_IF_ERROR(writer->Finish());
//
// Threads: one at a time.
class SafetensorsWriter {
 public:
  // Errors: INVALID_ARGUMENT for a duplicate name or a negative dimension,
  // INTERNAL when the file cannot be written.
  static absl::StatusOr<std::unique_ptr<SafetensorsWriter>> Create(
      const std::string& path, absl::Span<const TensorSpec> specs,
      const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

  SafetensorsWriter(const SafetensorsWriter&) = delete;
  SafetensorsWriter& operator=(const SafetensorsWriter&) = delete;
  // An unfinished file is removed.
  ~SafetensorsWriter();

  // Errors: INVALID_ARGUMENT when more than the specs declare is appended.
  absl::Status Append(absl::Span<const uint8_t> bytes);
  // Errors: FAILED_PRECONDITION when bytes are missing.
  absl::Status Finish();

 private:
  SafetensorsWriter() = default;

  std::string path_;
  std::string temporary_path_;
  FILE* file_ = nullptr;
  int64_t remaining_bytes_ = 0;
};

}  // namespace sluice
