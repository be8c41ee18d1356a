#include "bench/peers/gguf/gguf_writer.h"

#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>

#include "common/base/check.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"

namespace sluice::bench {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr uint32_t kVersion = 3;
constexpr uint64_t kAlignment = 32;

// Kinds of values, numbers of the specification.
constexpr uint32_t kUint32 = 4, kInt32 = 5, kFloat32 = 6, kBool = 7,
                   kString = 8, kArray = 9;

template <typename T>
void Put(T value, std::string& out) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

void PutString(std::string_view text, std::string& out) {
  Put<uint64_t>(text.size(), out);
  out.append(text);
}

uint64_t Aligned(uint64_t offset) {
  return (offset + kAlignment - 1) / kAlignment * kAlignment;
}

int64_t Values(const GgufTensorSpec& tensor) {
  int64_t values = 1;
  for (const int64_t dimension : tensor.shape) values *= dimension;
  return values;
}

uint64_t Bytes(const GgufTensorSpec& tensor) {
  return Values(tensor) / BlockValues(tensor.type) * BlockBytes(tensor.type);
}

std::string Header(const GgufMetadata& metadata,
                   absl::Span<const GgufTensorSpec> tensors) {
  std::string header = "GGUF";
  Put<uint32_t>(kVersion, header);
  Put<uint64_t>(tensors.size(), header);
  Put<uint64_t>(metadata.count(), header);
  header += metadata.bytes();
  uint64_t offset = 0;
  for (const GgufTensorSpec& tensor : tensors) {
    SLUICE_CHECK(tensor.shape.back() % BlockValues(tensor.type) == 0,
                 "rows of whole blocks");
    PutString(tensor.name, header);
    Put<uint32_t>(static_cast<uint32_t>(tensor.shape.size()), header);
    for (size_t i = tensor.shape.size(); i-- > 0;) {
      Put<uint64_t>(tensor.shape[i], header);
    }
    Put<uint32_t>(static_cast<uint32_t>(tensor.type), header);
    Put<uint64_t>(offset, header);
    offset = Aligned(offset + Bytes(tensor));
  }
  return header;
}

}  // namespace

void GgufMetadata::Begin(std::string_view key, uint32_t kind) {
  PutString(key, bytes_);
  Put<uint32_t>(kind, bytes_);
  ++count_;
}

void GgufMetadata::AddString(std::string_view key, std::string_view value) {
  Begin(key, kString);
  PutString(value, bytes_);
}

void GgufMetadata::AddUint32(std::string_view key, uint32_t value) {
  Begin(key, kUint32);
  Put(value, bytes_);
}

void GgufMetadata::AddFloat(std::string_view key, float value) {
  Begin(key, kFloat32);
  Put(value, bytes_);
}

void GgufMetadata::AddBool(std::string_view key, bool value) {
  Begin(key, kBool);
  Put<uint8_t>(value ? 1 : 0, bytes_);
}

void GgufMetadata::AddStrings(std::string_view key,
                              absl::Span<const std::string> values) {
  Begin(key, kArray);
  Put(kString, bytes_);
  Put<uint64_t>(values.size(), bytes_);
  for (const std::string& value : values) PutString(value, bytes_);
}

void GgufMetadata::AddInts(std::string_view key,
                           absl::Span<const int32_t> values) {
  Begin(key, kArray);
  Put(kInt32, bytes_);
  Put<uint64_t>(values.size(), bytes_);
  for (const int32_t value : values) Put(value, bytes_);
}

GgufWriter::GgufWriter(const std::string& path)
    : path_(path), temporary_path_(path + ".tmp." + std::to_string(getpid())) {}

GgufWriter::~GgufWriter() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  unlink(temporary_path_.c_str());
}

absl::StatusOr<std::unique_ptr<GgufWriter>> GgufWriter::Create(
    const std::string& path, const GgufMetadata& metadata,
    absl::Span<const GgufTensorSpec> tensors) {
  std::unique_ptr<GgufWriter> writer(new GgufWriter(path));
  writer->file_ = std::fopen(writer->temporary_path_.c_str(), "wb");
  if (writer->file_ == nullptr) {
    return FileError(path, "cannot be written", errno);
  }
  writer->tensors_.assign(tensors.begin(), tensors.end());
  const std::string header = Header(metadata, tensors);
  RETURN_IF_ERROR(writer->Write(header.data(), header.size()));
  RETURN_IF_ERROR(writer->Pad());
  return writer;
}

absl::Status GgufWriter::Write(const void* bytes, size_t count) {
  if (std::fwrite(bytes, 1, count, file_) != count) {
    return FileError(path_, "cannot be written", errno);
  }
  written_ += count;
  return absl::OkStatus();
}

absl::Status GgufWriter::Pad() {
  const char zeros[kAlignment] = {};
  return Write(zeros, Aligned(written_) - written_);
}

absl::Status GgufWriter::Append(absl::Span<const float> values) {
  SLUICE_CHECK(tensor_ < tensors_.size(), "no more than the specs declare");
  const GgufTensorSpec& tensor = tensors_[tensor_];
  blocks_.clear();
  AppendBlocks(tensor.type, values.data(), values.size(), blocks_);
  RETURN_IF_ERROR(Write(blocks_.data(), blocks_.size()));
  appended_ += static_cast<int64_t>(values.size());
  SLUICE_CHECK(appended_ <= Values(tensor), "one tensor at a time");
  if (appended_ < Values(tensor)) return absl::OkStatus();
  ++tensor_;
  appended_ = 0;
  return Pad();
}

absl::Status GgufWriter::Finish() {
  SLUICE_CHECK(tensor_ == tensors_.size(), "all tensors were appended");
  FILE* file = file_;
  file_ = nullptr;
  if (std::fclose(file) != 0 ||
      std::rename(temporary_path_.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    unlink(temporary_path_.c_str());
    return FileError(path_, "cannot be written", error);
  }
  return absl::OkStatus();
}

}  // namespace sluice::bench
