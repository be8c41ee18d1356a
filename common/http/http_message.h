#pragma once

// An HTTP request and response as plain values.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method;     // "GET"
  std::string path;       // raw, without the query: "/v1/models"
  std::string path_tail;  // what "*" of the route matched, raw
  std::string query;      // after "?", raw
  HttpHeaders headers;    // in order of arrival
  std::string body;
  std::string peer;  // "127.0.0.1:40312"

  // The first header of that name, any case.
  std::optional<std::string_view> header(std::string_view name) const;
};

// Content-Length, Connection and Date are added by the server.
struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  HttpHeaders headers;  // further ones. REQUIRES: no CR or LF inside
};

}  // namespace sluice
