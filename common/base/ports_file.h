#pragma once

// --ports_file: tells scripts which ports a service got when it asked for
// port 0. One line of JSON such as {"grpc":40001,"ops":40002}.

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace sluice {

struct BoundPorts {
  std::optional<uint16_t> grpc;
  std::optional<uint16_t> http;
  std::optional<uint16_t> ops;
};

std::string ToJson(const BoundPorts& ports);

// Appears whole and only once every port is open. Does nothing when `path` is
// empty. Errors: as WriteFileAtomically.
absl::Status WritePortsFile(const std::string& path, const BoundPorts& ports);

}  // namespace sluice
