#include "common/modelfiles/wire_reader.h"

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace sluice {
namespace {

absl::Status Damaged(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("not a protobuf message: ", what));
}

}  // namespace

absl::StatusOr<uint64_t> WireReader::Varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (rest_.empty()) return Damaged("a number that is cut off");
    const auto byte = static_cast<uint8_t>(rest_[0]);
    rest_.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  return Damaged("a number of more than 64 bits");
}

absl::StatusOr<uint64_t> WireReader::Fixed(size_t bytes) {
  if (rest_.size() < bytes) return Damaged("a number that is cut off");
  uint64_t value = 0;
  for (size_t i = bytes; i > 0; --i) {
    value = value << 8 | static_cast<uint8_t>(rest_[i - 1]);
  }
  rest_.remove_prefix(bytes);
  return value;
}

absl::StatusOr<WireField> WireReader::Next() {
  ASSIGN_OR_RETURN(uint64_t key, Varint());
  if (key >> 3 == 0 || key >> 32 != 0) return Damaged("a field without number");
  WireField field;
  field.number = static_cast<uint32_t>(key >> 3);
  field.wire_type = static_cast<int>(key & 7);
  switch (field.wire_type) {
    case 0: {
      ASSIGN_OR_RETURN(field.value, Varint());
      return field;
    }
    case 1: {
      ASSIGN_OR_RETURN(field.value, Fixed(8));
      return field;
    }
    case 2: {
      ASSIGN_OR_RETURN(uint64_t length, Varint());
      if (length > rest_.size()) return Damaged("a field that is cut off");
      field.bytes = rest_.substr(0, length);
      rest_.remove_prefix(length);
      return field;
    }
    case 5: {
      ASSIGN_OR_RETURN(field.value, Fixed(4));
      return field;
    }
    default:
      return Damaged(absl::StrCat("wire type ", field.wire_type));
  }
}

}  // namespace sluice
