#pragma once

// What a client called the fields of its request: errors name fields as they
// were written, while the validator knows one name each.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::gateway::api {

// Threads: immutable after the face has filled it.
struct FieldNames {
  // Stands before the names of sampling parameters: "params." on gRPC.
  std::string params_prefix;
  // Canonical name -> name as written, for fields written under an alias.
  std::vector<std::pair<std::string, std::string>> aliases;

  // A field of the request: "model", "messages[3].content".
  std::string Of(std::string_view canonical) const;
  // A sampling parameter: "temperature", "stop[2]".
  std::string OfParam(std::string_view canonical) const;
};

}  // namespace sluice::gateway::api
