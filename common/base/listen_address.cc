#include "common/base/listen_address.h"

#include <arpa/inet.h>

#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"

namespace sluice {
namespace {

absl::string_view View(std::string_view text) {
  return {text.data(), text.size()};
}

struct HostAndPort {
  std::string_view host;  // without brackets
  std::optional<std::string_view> port;
};

// nullopt when brackets or colons do not make sense.
std::optional<HostAndPort> Split(std::string_view text) {
  if (!text.empty() && text.front() == '[') {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    HostAndPort parts{text.substr(1, end - 1), std::nullopt};
    const std::string_view rest = text.substr(end + 1);
    if (rest.empty()) return parts;
    if (rest.front() != ':') return std::nullopt;
    parts.port = rest.substr(1);
    return parts;
  }
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return HostAndPort{text, std::nullopt};
  if (text.find(':', colon + 1) != std::string_view::npos) return std::nullopt;
  return HostAndPort{text.substr(0, colon), text.substr(colon + 1)};
}

bool IsDigits(std::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
  }
  return !text.empty();
}

bool IsHostCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' ||
         c == '-' || c == '_' || c == ':' || c == '%';
}

bool IsHost(std::string_view host) {
  if (host.empty() || host.size() > 255) return false;
  for (const char c : host) {
    if (!IsHostCharacter(c)) return false;
  }
  return true;
}

bool ParsePort(std::string_view text, uint16_t* port) {
  uint32_t value = 0;
  if (!IsDigits(text) || !absl::SimpleAtoi(View(text), &value)) return false;
  if (value > 65535) return false;
  *port = static_cast<uint16_t>(value);
  return true;
}

}  // namespace

std::string ListenAddress::ToString() const {
  const bool bracket = host.find(':') != std::string::npos;
  return absl::StrCat(bracket ? "[" : "", host, bracket ? "]:" : ":", port);
}

bool ListenAddress::loopback() const { return IsLoopbackHost(host); }

absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view flag,
                                                 std::string_view text) {
  const std::optional<HostAndPort> parts = Split(text);
  ListenAddress address;
  if (!parts || !parts->port || !IsHost(parts->host) ||
      !ParsePort(*parts->port, &address.port)) {
    return FieldError(flag, "not an address to listen on",
                      absl::StrCat("\"", View(text), "\""),
                      "host:port with port 0 to 65535");
  }
  address.host = std::string(parts->host);
  return address;
}

bool IsLoopbackHost(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  if (absl::EqualsIgnoreCase(View(host), "localhost")) return true;
  const std::string text(host);
  in_addr v4;
  if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) {
    return (ntohl(v4.s_addr) >> 24) == 127;
  }
  in6_addr v6;
  return ::inet_pton(AF_INET6, text.c_str(), &v6) == 1 &&
         IN6_IS_ADDR_LOOPBACK(&v6);
}

absl::StatusOr<std::string> HostOfAuthority(std::string_view authority) {
  const std::optional<HostAndPort> parts = Split(authority);
  uint16_t port = 0;
  if (!parts || !IsHost(parts->host) ||
      (parts->port && !parts->port->empty() &&
       !ParsePort(*parts->port, &port))) {
    return FieldError("Host", "not a host name with an optional port");
  }
  return std::string(parts->host);
}

}  // namespace sluice
