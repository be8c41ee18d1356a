#pragma once

// Where a server listens, as a flag says it: "host:port". Threads: any.

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice {

struct ListenAddress {
  std::string host;   // without brackets: "127.0.0.1", "::1", "localhost"
  uint16_t port = 0;  // 0: the system chooses a free one

  // "127.0.0.1:50051", "[::1]:50051".
  std::string ToString() const;
  // Only this machine can reach it.
  bool loopback() const;
};

// Accepts "127.0.0.1:0", "localhost:80", "[::1]:80", "0.0.0.0:80". `flag`
// names the input in the message.
// Errors: INVALID_ARGUMENT "flag: what, got, limit".
absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view flag,
                                                 std::string_view text);

// "localhost", 127.0.0.0/8, "::1", the last with or without brackets.
bool IsLoopbackHost(std::string_view host);

// The host part of an HTTP Host value ("localhost:8080", "[::1]:8080", "a.b").
// Errors: INVALID_ARGUMENT when it is no host with an optional port.
absl::StatusOr<std::string> HostOfAuthority(std::string_view authority);

}  // namespace sluice
