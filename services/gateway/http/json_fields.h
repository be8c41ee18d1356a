#pragma once

// Reads the members of a client's JSON object one by one, by name and type,
// and knows in the end which ones nobody asked for.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace sluice::gateway {

// A member that is null counts as absent. Errors: INVALID_ARGUMENT "field:
// what, got, limit". Threads: one at a time.
class JsonFields {
 public:
  // `object` must outlive this. `path` stands before field names in errors:
  // "", "messages[0].". REQUIRES: object.is_object().
  JsonFields(const nlohmann::json& object, std::string path);

  // Null when absent. Counts as asked for.
  const nlohmann::json* Find(std::string_view name);

  // Leave `out` alone when the member is absent.
  absl::Status Read(std::string_view name, std::optional<double>& out);
  absl::Status Read(std::string_view name, std::optional<int64_t>& out);
  absl::Status Read(std::string_view name, std::optional<uint64_t>& out);
  absl::Status Read(std::string_view name, std::optional<bool>& out);
  absl::Status Read(std::string_view name, std::string& out);
  // A string or an array of strings.
  absl::Status Read(std::string_view name, std::vector<std::string>& out);
  absl::Status Read(std::string_view name, std::vector<int64_t>& out);

  // Errors: the first member that was neither asked for nor is in `ignored`.
  absl::Status RefuseOthers(std::span<const std::string_view> ignored = {});

  // "messages[0].role".
  std::string FullName(std::string_view name) const;

 private:
  const nlohmann::json& object_;
  const std::string path_;
  std::set<std::string, std::less<>> asked_;
};

// What a client sent, for an error message: `the string "5"`, `1.5`, `an
// array`. Threads: any (pure).
std::string Describe(const nlohmann::json& value);

}  // namespace sluice::gateway
