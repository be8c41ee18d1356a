#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/http_server.h"

namespace sluice {

// Finds the handler of a request. Threads: immutable after construction.
class HttpRoutes {
 public:
  // REQUIRES: no two routes of equal method and path; a path begins with "/"
  // and has "*" only as its last character, after a "/".
  explicit HttpRoutes(std::vector<HttpRoute> routes);

  // The handler for `request`, whose path_tail is filled in; HEAD finds GET.
  // Never empty: unknown paths get one that answers 404, unknown methods one
  // that answers 405 with Allow.
  HttpHandler Find(HttpRequest& request) const;

 private:
  using Methods = std::map<std::string, HttpHandler, std::less<>>;
  const Methods* FindPath(HttpRequest& request) const;

  std::map<std::string, Methods, std::less<>> exact_;
  // Keys end in "/", so that the longest match is the one nearest below.
  std::map<std::string, Methods, std::less<>> prefixes_;
};

}  // namespace sluice
