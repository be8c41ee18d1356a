#include "common/modelfiles/gguf.h"

#include <bit>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/directory.h"

namespace sluice {
namespace {

constexpr uint64_t kMaxKeys = 1 << 16;
constexpr uint64_t kMaxTensors = 1 << 20;
constexpr uint64_t kMaxStringBytes = 16 << 20;
constexpr uint64_t kMaxArray = 1 << 24;
constexpr uint32_t kMaxDimensions = 4;
constexpr uint64_t kDefaultAlignment = 32;
constexpr size_t kFirstReadBytes = size_t{1} << 20;
constexpr size_t kMaxHeaderBytes = size_t{512} << 20;

enum Type : uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

absl::string_view View(std::string_view s) { return {s.data(), s.size()}; }

bool IsFloat(uint32_t type) { return type == kFloat32 || type == kFloat64; }

// Bytes of a number; 0 for what is none.
size_t WidthOf(uint32_t type) {
  switch (type) {
    case kUint8:
    case kInt8:
    case kBool:
      return 1;
    case kUint16:
    case kInt16:
      return 2;
    case kUint32:
    case kInt32:
    case kFloat32:
      return 4;
    case kUint64:
    case kInt64:
    case kFloat64:
      return 8;
    default:
      return 0;
  }
}

int64_t SignedOf(uint32_t type, uint64_t raw) {
  switch (type) {
    case kInt8:
      return static_cast<int8_t>(raw);
    case kInt16:
      return static_cast<int16_t>(raw);
    case kInt32:
      return static_cast<int32_t>(raw);
    default:
      return static_cast<int64_t>(raw);
  }
}

double FloatOf(uint32_t type, uint64_t raw) {
  return type == kFloat32 ? std::bit_cast<float>(static_cast<uint32_t>(raw))
                          : std::bit_cast<double>(raw);
}

}  // namespace

// Takes a file apart from its front.
class GgufFile::Reader {
 public:
  Reader(std::string_view bytes, GgufFile& file)
      : bytes_(bytes), rest_(bytes), file_(file) {}

  absl::Status Run() {
    if (!rest_.starts_with("GGUF")) return Damaged("not a GGUF file");
    rest_.remove_prefix(4);
    ASSIGN_OR_RETURN(uint64_t version, Number(4));
    if (version != 2 && version != 3) {
      return absl::UnimplementedError(absl::StrCat(
          file_.name_, ": version: only 2 and 3 are supported, got ", version));
    }
    ASSIGN_OR_RETURN(uint64_t tensors, Count(kMaxTensors, "tensors"));
    ASSIGN_OR_RETURN(uint64_t keys, Count(kMaxKeys, "keys"));
    for (uint64_t i = 0; i < keys; ++i) RETURN_IF_ERROR(ReadPair());
    for (uint64_t i = 0; i < tensors; ++i) RETURN_IF_ERROR(ReadTensor());
    return FindData();
  }

 private:
  absl::Status Damaged(absl::string_view what) const {
    return absl::InvalidArgumentError(
        absl::StrCat(file_.name_, ": ", what, ", at byte ",
                     bytes_.size() - rest_.size(), " of ", bytes_.size()));
  }

  absl::StatusOr<uint64_t> Number(size_t width) {
    if (rest_.size() < width) return Damaged("it ends too early");
    uint64_t value = 0;
    for (size_t i = width; i > 0; --i) {
      value = value << 8 | static_cast<uint8_t>(rest_[i - 1]);
    }
    rest_.remove_prefix(width);
    return value;
  }

  absl::StatusOr<uint64_t> Count(uint64_t limit, absl::string_view what) {
    ASSIGN_OR_RETURN(uint64_t count, Number(8));
    if (count > limit) {
      return Damaged(
          absl::StrCat("too many ", what, ", got ", count, ", limit ", limit));
    }
    return count;
  }

  absl::StatusOr<std::string> String() {
    ASSIGN_OR_RETURN(uint64_t length, Count(kMaxStringBytes, "bytes"));
    if (length > rest_.size()) return Damaged("a string that is cut off");
    std::string text(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return text;
  }

  absl::Status ReadPair() {
    ASSIGN_OR_RETURN(std::string key, String());
    ASSIGN_OR_RETURN(uint64_t type, Number(4));
    ASSIGN_OR_RETURN(GgufValue value, Value(static_cast<uint32_t>(type)));
    if (!file_.values_.emplace(key, std::move(value)).second) {
      return Damaged(
          absl::StrCat("the key \"", key.substr(0, 80), "\" is there twice"));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<GgufValue> Value(uint32_t type) {
    if (type == kString) {
      ASSIGN_OR_RETURN(std::string text, String());
      return GgufValue(std::move(text));
    }
    if (type == kArray) return Array();
    const size_t width = WidthOf(type);
    if (width == 0) return Damaged(absl::StrCat("unknown type ", type));
    ASSIGN_OR_RETURN(uint64_t raw, Number(width));
    if (type == kBool) return GgufValue(raw != 0);
    if (IsFloat(type)) return GgufValue(FloatOf(type, raw));
    return GgufValue(SignedOf(type, raw));
  }

  absl::StatusOr<GgufValue> Array() {
    ASSIGN_OR_RETURN(uint64_t type_number, Number(4));
    const auto type = static_cast<uint32_t>(type_number);
    ASSIGN_OR_RETURN(uint64_t count, Count(kMaxArray, "elements"));
    const size_t least = type == kString ? 8 : WidthOf(type);
    if (least == 0) return Damaged(absl::StrCat("an array of type ", type));
    if (count > rest_.size() / least) return Damaged("an array is cut off");
    if (type == kString) {
      std::vector<std::string> texts(count);
      for (std::string& text : texts) {
        ASSIGN_OR_RETURN(text, String());
      }
      return GgufValue(std::move(texts));
    }
    if (IsFloat(type)) {
      std::vector<double> numbers(count);
      for (double& number : numbers) {
        ASSIGN_OR_RETURN(uint64_t raw, Number(least));
        number = FloatOf(type, raw);
      }
      return GgufValue(std::move(numbers));
    }
    std::vector<int64_t> numbers(count);
    for (int64_t& number : numbers) {
      ASSIGN_OR_RETURN(uint64_t raw, Number(least));
      number = SignedOf(type, raw);
    }
    return GgufValue(std::move(numbers));
  }

  absl::Status ReadTensor() {
    GgufTensor tensor;
    ASSIGN_OR_RETURN(tensor.name, String());
    ASSIGN_OR_RETURN(uint64_t dimensions, Number(4));
    if (dimensions > kMaxDimensions) {
      return Damaged(absl::StrCat("a tensor of ", dimensions,
                                  " dimensions, limit ", kMaxDimensions));
    }
    for (uint64_t i = 0; i < dimensions; ++i) {
      ASSIGN_OR_RETURN(uint64_t extent, Number(8));
      if (extent >> 48 != 0) return Damaged("a dimension out of range");
      tensor.shape.push_back(static_cast<int64_t>(extent));
    }
    ASSIGN_OR_RETURN(uint64_t type, Number(4));
    tensor.type = static_cast<uint32_t>(type);
    ASSIGN_OR_RETURN(tensor.offset, Number(8));
    file_.tensors_.push_back(std::move(tensor));
    return absl::OkStatus();
  }

  absl::Status FindData() {
    uint64_t alignment = kDefaultAlignment;
    if (file_.Find("general.alignment") != nullptr) {
      ASSIGN_OR_RETURN(int64_t given, file_.GetInt("general.alignment"));
      if (given < 1 || given > (1 << 20) ||
          !std::has_single_bit(static_cast<uint64_t>(given))) {
        return Damaged(
            absl::StrCat("general.alignment out of range, got ", given));
      }
      alignment = static_cast<uint64_t>(given);
    }
    const uint64_t header = bytes_.size() - rest_.size();
    file_.data_offset_ = (header + alignment - 1) / alignment * alignment;
    return absl::OkStatus();
  }

  std::string_view bytes_;
  std::string_view rest_;
  GgufFile& file_;
};

absl::StatusOr<GgufFile> GgufFile::Parse(std::string_view bytes,
                                         std::string_view name) {
  GgufFile file;
  file.name_ = std::string(name);
  RETURN_IF_ERROR(Reader(bytes, file).Run());
  return file;
}

// The length of a header is not written anywhere, so more and more of the file
// is read until it fits.
absl::StatusOr<GgufFile> GgufFile::ReadHeader(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  std::string bytes;
  for (size_t wanted = kFirstReadBytes;; wanted *= 4) {
    const size_t had = bytes.size();
    bytes.resize(wanted);
    in.read(bytes.data() + had, static_cast<std::streamsize>(wanted - had));
    bytes.resize(had + static_cast<size_t>(in.gcount()));
    absl::StatusOr<GgufFile> file = Parse(bytes, FileName(path));
    if (file.ok() || bytes.size() < wanted || wanted >= kMaxHeaderBytes) {
      return file;
    }
  }
}

absl::Status GgufFile::Error(std::string_view key,
                             std::string_view what) const {
  return absl::InvalidArgumentError(
      absl::StrCat(name_, ": ", View(key), ": ", View(what)));
}

const GgufValue* GgufFile::Find(std::string_view key) const {
  auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

absl::StatusOr<std::string> GgufFile::GetString(std::string_view key) const {
  const GgufValue* value = Find(key);
  const auto* text = value ? std::get_if<std::string>(value) : nullptr;
  if (text == nullptr) return Error(key, "missing, or not a string");
  return *text;
}

absl::StatusOr<int64_t> GgufFile::GetInt(std::string_view key) const {
  const GgufValue* value = Find(key);
  const auto* number = value ? std::get_if<int64_t>(value) : nullptr;
  if (number == nullptr) return Error(key, "missing, or not a whole number");
  return *number;
}

absl::StatusOr<bool> GgufFile::GetBoolOr(std::string_view key,
                                         bool otherwise) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return otherwise;
  const bool* flag = std::get_if<bool>(value);
  if (flag == nullptr) return Error(key, "not true or false");
  return *flag;
}

absl::StatusOr<std::vector<std::string>> GgufFile::GetStrings(
    std::string_view key) const {
  const GgufValue* value = Find(key);
  const auto* texts =
      value ? std::get_if<std::vector<std::string>>(value) : nullptr;
  if (texts == nullptr) return Error(key, "missing, or not a list of strings");
  return *texts;
}

}  // namespace sluice
