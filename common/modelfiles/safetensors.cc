#include "common/modelfiles/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/json_quote.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/directory.h"
#include "common/modelfiles/json.h"

namespace sluice {
namespace {

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr size_t kMaxNameBytes = 1024;
constexpr size_t kMaxRank = 8;
constexpr size_t kMaxShards = 4096;

struct TypeRow {
  TensorType type;
  const char* name;
  int64_t bytes;
};
constexpr std::array kTypes = {TypeRow{TensorType::kBool, "BOOL", 1},
                               TypeRow{TensorType::kU8, "U8", 1},
                               TypeRow{TensorType::kI8, "I8", 1},
                               TypeRow{TensorType::kF8E4M3, "F8_E4M3", 1},
                               TypeRow{TensorType::kF8E5M2, "F8_E5M2", 1},
                               TypeRow{TensorType::kU16, "U16", 2},
                               TypeRow{TensorType::kI16, "I16", 2},
                               TypeRow{TensorType::kF16, "F16", 2},
                               TypeRow{TensorType::kBF16, "BF16", 2},
                               TypeRow{TensorType::kU32, "U32", 4},
                               TypeRow{TensorType::kI32, "I32", 4},
                               TypeRow{TensorType::kF32, "F32", 4},
                               TypeRow{TensorType::kU64, "U64", 8},
                               TypeRow{TensorType::kI64, "I64", 8},
                               TypeRow{TensorType::kF64, "F64", 8}};

const TypeRow& RowOf(TensorType type) {
  return kTypes[static_cast<size_t>(type)];
}

absl::string_view View(std::string_view text) {
  return absl::string_view(text.data(), text.size());
}

absl::Status Bad(const std::string& file, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(file, ": ", what));
}

// Bytes of a tensor; nothing when they do not fit into 63 bits.
std::optional<int64_t> BytesOf(TensorType type,
                               absl::Span<const int64_t> shape) {
  int64_t bytes = TensorTypeBytes(type);
  for (int64_t dimension : shape) {
    if (__builtin_mul_overflow(bytes, dimension, &bytes)) return std::nullopt;
  }
  return bytes;
}

struct Entry {
  TensorSpec spec;
  int64_t begin = 0;
  int64_t end = 0;
};

absl::StatusOr<Entry> ParseEntry(std::string_view name,
                                 const JsonValue& value) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  Entry entry;
  entry.spec.name = std::string(name);
  if (name.size() > kMaxNameBytes) {
    return value.Error(absl::StrCat("name has ", name.size(),
                                    " bytes, at most ", kMaxNameBytes));
  }
  ASSIGN_OR_RETURN(std::string_view type, value.GetString("dtype"));
  const auto row =
      std::find_if(kTypes.begin(), kTypes.end(),
                   [&](const TypeRow& r) { return r.name == type; });
  if (row == kTypes.end()) {
    return value.Error(absl::StrCat("unknown dtype \"", View(type), "\""));
  }
  entry.spec.type = row->type;
  ASSIGN_OR_RETURN(JsonValue shape, value.Get("shape"));
  ASSIGN_OR_RETURN(entry.spec.shape, shape.AsInts(0, kMax));
  if (entry.spec.shape.size() > kMaxRank) {
    return value.Error(absl::StrCat("shape has ", entry.spec.shape.size(),
                                    " dimensions, at most ", kMaxRank));
  }
  ASSIGN_OR_RETURN(JsonValue offsets, value.Get("data_offsets"));
  ASSIGN_OR_RETURN(std::vector<int64_t> range, offsets.AsInts(0, kMax));
  if (range.size() != 2 || range[0] > range[1]) {
    return value.Error("data_offsets must be [begin, end] with begin <= end");
  }
  entry.begin = range[0];
  entry.end = range[1];
  const auto bytes = BytesOf(entry.spec.type, entry.spec.shape);
  if (!bytes.has_value()) {
    return value.Error(absl::StrCat(
        "size of shape ", ShapeToString(entry.spec.shape), " overflows"));
  }
  if (*bytes != entry.end - entry.begin) {
    return value.Error(absl::StrCat("shape ", ShapeToString(entry.spec.shape),
                                    " needs ", *bytes, " bytes, data_offsets ",
                                    "hold ", entry.end - entry.begin));
  }
  return entry;
}

absl::Status ReadMetadata(const JsonValue& value,
                          std::map<std::string, std::string>& metadata) {
  return value.ForEachMember(
      [&](std::string_view key, const JsonValue& text) -> absl::Status {
        ASSIGN_OR_RETURN(std::string_view string, text.AsString());
        metadata[std::string(key)] = std::string(string);
        return absl::OkStatus();
      });
}

// Entries in order of offset, tiling [0, data_bytes) exactly.
absl::Status CheckTiling(const std::string& file, std::vector<Entry>& entries,
                         int64_t data_bytes) {
  std::stable_sort(
      entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
        return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
      });
  int64_t at = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != at) {
      return Bad(file,
                 absl::StrCat("tensor ", entry.spec.name, " begins at ",
                              entry.begin, ", the one before ends at ", at,
                              entry.begin < at ? " (overlap)" : " (hole)"));
    }
    at = entry.end;
  }
  if (at != data_bytes) {
    return Bad(file, absl::StrCat("tensors need ", at,
                                  " bytes of data, the file has ", data_bytes));
  }
  return absl::OkStatus();
}

struct Header {
  std::vector<Entry> entries;
  int64_t data_begin = 0;
};

absl::StatusOr<Header> ParseHeader(
    const std::string& file, absl::Span<const uint8_t> bytes,
    std::map<std::string, std::string>& metadata) {
  if (bytes.size() < kLengthBytes) {
    return Bad(file, absl::StrCat("too short for a safetensors file, got ",
                                  bytes.size(), " bytes"));
  }
  uint64_t length = 0;
  for (size_t i = kLengthBytes; i-- > 0;) length = length << 8 | bytes[i];
  if (length > kMaxHeaderBytes) {
    return Bad(file, absl::StrCat("header of ", length, " bytes, at most ",
                                  kMaxHeaderBytes));
  }
  if (length > bytes.size() - kLengthBytes) {
    return Bad(file, absl::StrCat("header of ", length, " bytes, the file has ",
                                  bytes.size() - kLengthBytes, " after it"));
  }
  const std::string_view text(
      reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, length);
  if (text.empty() || text[0] != '{') {
    return Bad(file, "header does not begin with {");
  }
  ASSIGN_OR_RETURN(JsonDocument document,
                   JsonDocument::Parse(text, file, JsonLimits{}));
  Header header;
  header.data_begin = static_cast<int64_t>(kLengthBytes + length);
  RETURN_IF_ERROR(document.root().ForEachMember(
      [&](std::string_view key, const JsonValue& value) -> absl::Status {
        if (key == "__metadata__") return ReadMetadata(value, metadata);
        ASSIGN_OR_RETURN(Entry entry, ParseEntry(key, value));
        header.entries.push_back(std::move(entry));
        return absl::OkStatus();
      }));
  RETURN_IF_ERROR(
      CheckTiling(file, header.entries,
                  static_cast<int64_t>(bytes.size()) - header.data_begin));
  return header;
}

// Maps a whole regular file read-only; an empty file has a null address.
absl::StatusOr<std::pair<void*, size_t>> MapFile(const std::string& path) {
  const std::string name = FileName(path);
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const std::string why = absl::StrCat(path, ": ", strerror(errno));
    return errno == ENOENT ? absl::NotFoundError(why)
                           : absl::InvalidArgumentError(why);
  }
  const absl::Cleanup close_fd = [fd] { close(fd); };
  struct stat status;
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    return Bad(name, "not a regular file");
  }
  const size_t size = static_cast<size_t>(status.st_size);
  if (size == 0) return std::pair<void*, size_t>(nullptr, 0);
  void* address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (address == MAP_FAILED) {
    return absl::ResourceExhaustedError(
        absl::StrCat(name, ": cannot be mapped: ", strerror(errno)));
  }
  return std::pair<void*, size_t>(address, size);
}

// weight_map of an index: tensor -> shard.
absl::StatusOr<std::map<std::string, std::string>> ReadWeightMap(
    const std::string& index_path) {
  ASSIGN_OR_RETURN(JsonDocument document,
                   JsonDocument::ReadFile(index_path, JsonLimits{}));
  ASSIGN_OR_RETURN(JsonValue weight_map, document.root().Get("weight_map"));
  std::map<std::string, std::string> map;
  RETURN_IF_ERROR(weight_map.ForEachMember(
      [&](std::string_view tensor, const JsonValue& value) -> absl::Status {
        ASSIGN_OR_RETURN(std::string_view shard, value.AsString());
        if (shard.empty() || shard.front() == '.' ||
            shard.find('/') != std::string_view::npos) {
          return value.Error(absl::StrCat("not the name of a file beside it, ",
                                          "got \"", View(shard), "\""));
        }
        map.emplace(tensor, shard);
        return absl::OkStatus();
      }));
  return map;
}

// JSON of the specs, laid out one behind the other; `end` becomes the bytes of
// all of them.
absl::StatusOr<std::string> MakeHeader(
    absl::Span<const TensorSpec> specs,
    const std::map<std::string, std::string>& metadata, int64_t& end) {
  std::vector<std::string> members;
  if (!metadata.empty()) {
    members.push_back(absl::StrCat(
        "\"__metadata__\":{",
        absl::StrJoin(metadata, ",",
                      [](std::string* out, const auto& pair) {
                        absl::StrAppend(out, JsonQuote(pair.first), ":",
                                        JsonQuote(pair.second));
                      }),
        "}"));
  }
  std::set<std::string> names;
  end = 0;
  for (const TensorSpec& spec : specs) {
    const int64_t begin = end;
    const auto bytes = BytesOf(spec.type, spec.shape);
    const bool negative =
        std::any_of(spec.shape.begin(), spec.shape.end(),
                    [](int64_t dimension) { return dimension < 0; });
    if (negative || !bytes.has_value() ||
        __builtin_add_overflow(end, *bytes, &end)) {
      return Bad(spec.name,
                 absl::StrCat("bad shape, got ", ShapeToString(spec.shape)));
    }
    if (spec.name == "__metadata__" || !names.insert(spec.name).second) {
      return Bad(spec.name, "name is taken");
    }
    members.push_back(absl::StrCat(
        JsonQuote(spec.name), ":{\"dtype\":\"", RowOf(spec.type).name,
        "\",\"shape\":[", absl::StrJoin(spec.shape, ","),
        "],\"data_offsets\":[", begin, ",", end, "]}"));
  }
  std::string header = absl::StrCat("{", absl::StrJoin(members, ","), "}");
  // Readers that map the file like aligned data.
  header.append((8 - header.size() % 8) % 8, ' ');
  return header;
}

absl::Status WriteFailed(const std::string& path) {
  return absl::InternalError(
      absl::StrCat(path, ": cannot be written: ", strerror(errno)));
}

// A hint, so a refusal means nothing.
void AdvisePages(const TensorView& tensor, int advice) {
  const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin =
      reinterpret_cast<uintptr_t>(tensor.bytes.data()) / page * page;
  const uintptr_t end =
      reinterpret_cast<uintptr_t>(tensor.bytes.data()) + tensor.bytes.size();
  if (end > begin) {
    (void)madvise(reinterpret_cast<void*>(begin), end - begin, advice);
  }
}

}  // namespace

int64_t TensorTypeBytes(TensorType type) { return RowOf(type).bytes; }

std::string_view TensorTypeName(TensorType type) { return RowOf(type).name; }

std::string ShapeToString(absl::Span<const int64_t> shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

SafetensorsReader::~SafetensorsReader() {
  for (const Mapping& mapping : mappings_) {
    munmap(mapping.address, mapping.size);
  }
}

absl::StatusOr<std::unique_ptr<SafetensorsReader>> SafetensorsReader::OpenFile(
    const std::string& path) {
  std::unique_ptr<SafetensorsReader> reader(new SafetensorsReader());
  RETURN_IF_ERROR(reader->AddFile(path));
  return reader;
}

absl::StatusOr<std::unique_ptr<SafetensorsReader>>
SafetensorsReader::OpenDirectory(const std::string& directory) {
  const std::string single = directory + "/model.safetensors";
  const std::string index = single + ".index.json";
  std::unique_ptr<SafetensorsReader> reader(new SafetensorsReader());
  if (access(single.c_str(), F_OK) == 0) {
    RETURN_IF_ERROR(reader->AddFile(single));
  } else if (access(index.c_str(), F_OK) == 0) {
    RETURN_IF_ERROR(reader->AddShards(directory, index));
  } else {
    return absl::NotFoundError(
        absl::StrCat(directory, ": weights not found, looked for ",
                     "model.safetensors and model.safetensors.index.json"));
  }
  return reader;
}

absl::Status SafetensorsReader::AddFile(const std::string& path) {
  ASSIGN_OR_RETURN(auto mapped, MapFile(path));
  const auto [address, size] = mapped;
  if (address != nullptr) mappings_.push_back({address, size});
  const absl::Span<const uint8_t> bytes(static_cast<const uint8_t*>(address),
                                        size);
  const std::string file = FileName(path);
  ASSIGN_OR_RETURN(Header header, ParseHeader(file, bytes, metadata_));
  for (Entry& entry : header.entries) {
    if (!index_.emplace(entry.spec.name, tensors_.size()).second) {
      return Bad(file, absl::StrCat("tensor ", entry.spec.name,
                                    " is in another shard as well"));
    }
    const int64_t length = entry.end - entry.begin;
    tensors_.push_back(
        {std::move(entry.spec.name), entry.spec.type,
         std::move(entry.spec.shape),
         bytes.subspan(header.data_begin + entry.begin, length)});
    tensor_bytes_ += length;
  }
  return absl::OkStatus();
}

absl::Status SafetensorsReader::AddShards(const std::string& directory,
                                          const std::string& index_path) {
  ASSIGN_OR_RETURN(const auto weight_map, ReadWeightMap(index_path));
  const std::string index_name = FileName(index_path);
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : weight_map) shards.insert(shard);
  if (shards.size() > kMaxShards) {
    return Bad(index_name, absl::StrCat("names ", shards.size(),
                                        " shards, at most ", kMaxShards));
  }
  for (const std::string& shard : shards) {
    const size_t first = tensors_.size();
    RETURN_IF_ERROR(AddFile(directory + "/" + shard));
    for (size_t i = first; i < tensors_.size(); ++i) {
      const auto found = weight_map.find(tensors_[i].name);
      if (found == weight_map.end() || found->second != shard) {
        return Bad(index_name, absl::StrCat("weight_map does not place tensor ",
                                            tensors_[i].name, " in ", shard,
                                            ", which holds it"));
      }
    }
  }
  for (const auto& [tensor, shard] : weight_map) {
    if (Find(tensor) == nullptr) {
      return Bad(index_name,
                 absl::StrCat("weight_map places tensor ", tensor, " in ",
                              shard, ", which does not hold it"));
    }
  }
  return absl::OkStatus();
}

const TensorView* SafetensorsReader::Find(std::string_view name) const {
  const auto found = index_.find(std::string(name));
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

void SafetensorsReader::DropPages(const TensorView& tensor) const {
  // A neighbour on the same page is read again from the file.
  AdvisePages(tensor, MADV_DONTNEED);
}

void SafetensorsReader::PrefetchPages(const TensorView& tensor) const {
  AdvisePages(tensor, MADV_WILLNEED);
}

absl::StatusOr<std::unique_ptr<SafetensorsWriter>> SafetensorsWriter::Create(
    const std::string& path, absl::Span<const TensorSpec> specs,
    const std::map<std::string, std::string>& metadata) {
  std::unique_ptr<SafetensorsWriter> writer(new SafetensorsWriter());
  ASSIGN_OR_RETURN(const std::string header,
                   MakeHeader(specs, metadata, writer->remaining_bytes_));
  if (header.size() > kMaxHeaderBytes) {
    return Bad(FileName(path),
               absl::StrCat("header of ", header.size(), " bytes, at most ",
                            kMaxHeaderBytes));
  }
  writer->path_ = path;
  writer->temporary_path_ = absl::StrCat(path, ".", getpid(), ".tmp");
  writer->file_ = fopen(writer->temporary_path_.c_str(), "wbe");
  if (writer->file_ == nullptr) return WriteFailed(path);
  uint8_t length[kLengthBytes];
  for (size_t i = 0; i < kLengthBytes; ++i) {
    length[i] = static_cast<uint8_t>(header.size() >> (8 * i));
  }
  if (fwrite(length, 1, kLengthBytes, writer->file_) != kLengthBytes ||
      fwrite(header.data(), 1, header.size(), writer->file_) != header.size()) {
    return WriteFailed(path);
  }
  return writer;
}

SafetensorsWriter::~SafetensorsWriter() {
  if (file_ == nullptr) return;
  fclose(file_);
  unlink(temporary_path_.c_str());
}

absl::Status SafetensorsWriter::Append(absl::Span<const uint8_t> bytes) {
  if (static_cast<int64_t>(bytes.size()) > remaining_bytes_) {
    return Bad(FileName(path_),
               absl::StrCat("got ", bytes.size(), " more bytes, the specs ",
                            "leave room for ", remaining_bytes_));
  }
  if (fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) {
    return WriteFailed(path_);
  }
  remaining_bytes_ -= static_cast<int64_t>(bytes.size());
  return absl::OkStatus();
}

absl::Status SafetensorsWriter::Finish() {
  if (remaining_bytes_ != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        FileName(path_), ": ", remaining_bytes_, " bytes are missing"));
  }
  const bool synced = fflush(file_) == 0 && fsync(fileno(file_)) == 0;
  const bool closed = fclose(file_) == 0;
  file_ = nullptr;
  if (!synced || !closed ||
      rename(temporary_path_.c_str(), path_.c_str()) != 0) {
    const absl::Status failed = WriteFailed(path_);
    unlink(temporary_path_.c_str());
    return failed;
  }
  return absl::OkStatus();
}

}  // namespace sluice
