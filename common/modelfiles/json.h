#pragma once

// JSON of a model directory: parsed once, read through typed getters whose
// errors name file, field, what was wanted and what was there.
//
//   ASSIGN_OR_RETURN(JsonDocument document,
//                    JsonDocument::ReadFile(directory + "/config.json", {}));
//   ASSIGN_OR_RETURN(int64_t layers,
//                    document.root().GetInt("num_hidden_layers", 1, 4096));
//
// All errors here are INVALID_ARGUMENT "file: field: what, got, limit", but
// for a file that is not there (NOT_FOUND).

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice {

enum class JsonKind { kNull, kBool, kInt, kDouble, kString, kArray, kObject };

struct JsonLimits {
  size_t max_bytes = size_t{256} << 20;
  int max_depth = 64;  // objects and arrays around a value
};

// One value of a JsonDocument, which must outlive it. Cheap to copy but for
// the path. Threads: any.
class JsonValue {
 public:
  // Whole numbers past int64 are kDouble.
  JsonKind kind() const;
  bool IsNull() const { return kind() == JsonKind::kNull; }
  bool IsObject() const { return kind() == JsonKind::kObject; }
  bool IsArray() const { return kind() == JsonKind::kArray; }
  bool IsString() const { return kind() == JsonKind::kString; }
  // Where this is: "rope_scaling.factor", "merges[17]", "" for the root.
  const std::string& path() const { return path_; }
  // INVALID_ARGUMENT "file: path: what", for checks of the caller's own.
  absl::Status Error(std::string_view what) const;

  absl::StatusOr<bool> AsBool() const;
  // Errors: not a whole number, outside [min, max].
  absl::StatusOr<int64_t> AsInt(int64_t min, int64_t max) const;
  // Whole numbers count as well.
  absl::StatusOr<double> AsDouble() const;
  // UTF-8; lies in the document.
  absl::StatusOr<std::string_view> AsString() const;
  absl::StatusOr<std::vector<int64_t>> AsInts(int64_t min, int64_t max) const;

  // Elements of an array, members of an object. Errors: another kind.
  absl::StatusOr<size_t> Size() const;
  // In the order of the file; stop at the first error and return it.
  absl::Status ForEachElement(
      absl::FunctionRef<absl::Status(const JsonValue&)> visit) const;
  absl::Status ForEachMember(
      absl::FunctionRef<absl::Status(std::string_view key, const JsonValue&)>
          visit) const;

  // A member, nothing when it is absent, null, or this is not an object.
  std::optional<JsonValue> Find(std::string_view key) const;
  // A member that must be there and not be null.
  absl::StatusOr<JsonValue> Get(std::string_view key) const;

  absl::StatusOr<bool> GetBool(std::string_view key) const;
  absl::StatusOr<int64_t> GetInt(std::string_view key, int64_t min,
                                 int64_t max) const;
  absl::StatusOr<double> GetDouble(std::string_view key) const;
  absl::StatusOr<std::string_view> GetString(std::string_view key) const;

  // The same with a value for absent or null; a wrong kind is still an error.
  absl::StatusOr<bool> GetBoolOr(std::string_view key, bool otherwise) const;
  absl::StatusOr<int64_t> GetIntOr(std::string_view key, int64_t otherwise,
                                   int64_t min, int64_t max) const;
  absl::StatusOr<double> GetDoubleOr(std::string_view key,
                                     double otherwise) const;
  absl::StatusOr<std::string_view> GetStringOr(
      std::string_view key, std::string_view otherwise) const;

 private:
  friend class JsonDocument;
  // A simdjson::dom::element, kept opaque so that its header stays in json.cc.
  using Element = std::array<uint64_t, 2>;

  JsonValue(const std::string* file, Element element, std::string path)
      : file_(file), element_(element), path_(std::move(path)) {}
  JsonValue Child(Element element, std::string_view key) const;
  absl::Status WrongKind(std::string_view wanted) const;

  const std::string* file_;
  Element element_;
  std::string path_;
};

// A parsed text and all that its values point into. Objects with the same key
// twice are refused. Whole numbers too long for 64 bits become doubles.
// Threads: immutable after construction.
class JsonDocument {
 public:
  // `file` is the name in messages. Errors: not JSON, a limit passed.
  static absl::StatusOr<JsonDocument> Parse(std::string_view text,
                                            std::string file,
                                            const JsonLimits& limits);
  // Messages carry the last part of the path. Errors: NOT_FOUND, not a
  // regular file, and those of Parse.
  static absl::StatusOr<JsonDocument> ReadFile(const std::string& path,
                                               const JsonLimits& limits);

  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;
  ~JsonDocument();

  JsonValue root() const;

 private:
  struct Parsed;
  explicit JsonDocument(std::unique_ptr<Parsed> parsed);

  std::unique_ptr<Parsed> parsed_;
};

}  // namespace sluice
