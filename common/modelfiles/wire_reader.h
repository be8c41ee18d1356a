#pragma once

// Reads the fields of a protobuf message from its bytes, without a schema.

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice {

struct WireField {
  uint32_t number = 0;
  int wire_type = 0;       // 0 varint, 1 fixed 64, 2 bytes, 5 fixed 32
  uint64_t value = 0;      // of types 0, 1 and 5
  std::string_view bytes;  // of type 2; lies in the message
};

// Threads: one at a time.
class WireReader {
 public:
  explicit WireReader(std::string_view message) : rest_(message) {}

  bool AtEnd() const { return rest_.empty(); }
  // REQUIRES: not AtEnd(). Errors: INVALID_ARGUMENT for bytes that are no
  // field, or that end too early.
  absl::StatusOr<WireField> Next();

 private:
  absl::StatusOr<uint64_t> Varint();
  absl::StatusOr<uint64_t> Fixed(size_t bytes);

  std::string_view rest_;
};

}  // namespace sluice
