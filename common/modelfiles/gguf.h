#pragma once

// Metadata of a GGUF file: keys and values, and where its tensors lie.
// Source: the GGUF specification of the ggml project, versions 2 and 3.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice {

// Whole numbers of every width are int64, floats are double; arrays are of one
// kind.
using GgufValue =
    std::variant<bool, int64_t, double, std::string, std::vector<int64_t>,
                 std::vector<double>, std::vector<std::string>>;

struct GgufTensor {
  std::string name;
  std::vector<int64_t> shape;  // innermost dimension first, as in the file
  uint32_t type = 0;           // of the ggml project, for example 12 for Q4_K
  uint64_t offset = 0;         // from the start of the tensor data
};

// Threads: immutable.
class GgufFile {
 public:
  // `name` is for messages; the tensor data need not be there.
  // Errors: INVALID_ARGUMENT "name: what, got, limit".
  // Limits: 2^16 keys and 2^20 tensors, strings of 16 MiB, arrays of 2^24.
  static absl::StatusOr<GgufFile> Parse(std::string_view bytes,
                                        std::string_view name);
  // Reads the file up to its tensor data. Errors: NOT_FOUND besides.
  static absl::StatusOr<GgufFile> ReadHeader(const std::string& path);

  // nullptr when there is no such key.
  const GgufValue* Find(std::string_view key) const;
  // Errors: INVALID_ARGUMENT for a key that is missing or of another kind.
  absl::StatusOr<std::string> GetString(std::string_view key) const;
  absl::StatusOr<int64_t> GetInt(std::string_view key) const;
  absl::StatusOr<bool> GetBoolOr(std::string_view key, bool otherwise) const;
  absl::StatusOr<std::vector<std::string>> GetStrings(
      std::string_view key) const;

  const std::vector<GgufTensor>& tensors() const { return tensors_; }
  // Where the tensor data starts in the file.
  uint64_t data_offset() const { return data_offset_; }

 private:
  class Reader;

  absl::Status Error(std::string_view key, std::string_view what) const;

  std::string name_;
  std::map<std::string, GgufValue, std::less<>> values_;
  std::vector<GgufTensor> tensors_;
  uint64_t data_offset_ = 0;
};

}  // namespace sluice
