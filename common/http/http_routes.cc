#include "common/http/http_routes.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/http/http_error.h"

namespace sluice {
namespace {

HttpHandler Answer(HttpResponse response) {
  return
      [response = std::move(response)](std::shared_ptr<HttpExchange> exchange) {
        exchange->Respond(response);
      };
}

std::string Shown(std::string_view text) {
  return std::string(text.substr(0, 128));
}

}  // namespace

HttpRoutes::HttpRoutes(std::vector<HttpRoute> routes) {
  for (HttpRoute& route : routes) {
    std::string path = route.path;
    SLUICE_CHECK(!path.empty() && path.front() == '/',
                 "a route's path begins with a slash");
    const bool prefix = path.size() >= 2 && path.ends_with("/*");
    if (prefix) path.pop_back();
    SLUICE_CHECK(path.find('*') == std::string::npos,
                 "a route has * only at its end, after a slash");
    Methods& methods = prefix ? prefixes_[path] : exact_[path];
    const bool fresh =
        methods.emplace(route.method, std::move(route.handler)).second;
    SLUICE_CHECK(fresh, "two routes of equal method and path");
  }
}

const HttpRoutes::Methods* HttpRoutes::FindPath(HttpRequest& request) const {
  const auto exact = exact_.find(request.path);
  if (exact != exact_.end()) return &exact->second;
  const std::string_view path = request.path;
  for (size_t slash = path.rfind('/'); slash != std::string_view::npos;
       slash = slash == 0 ? std::string_view::npos
                          : path.rfind('/', slash - 1)) {
    const auto prefix = prefixes_.find(path.substr(0, slash + 1));
    if (prefix == prefixes_.end() || slash + 1 == path.size()) continue;
    request.path_tail = std::string(path.substr(slash + 1));
    return &prefix->second;
  }
  return nullptr;
}

HttpHandler HttpRoutes::Find(HttpRequest& request) const {
  const Methods* methods = FindPath(request);
  if (methods == nullptr) {
    return Answer(ErrorResponse(absl::NotFoundError(
        absl::StrCat("path: not found, got ", Shown(request.path)))));
  }
  const std::string wanted =
      request.method == "HEAD" && !methods->contains("HEAD") ? "GET"
                                                             : request.method;
  const auto found = methods->find(wanted);
  if (found != methods->end()) return found->second;
  std::string allowed;
  for (const auto& [method, handler] : *methods) {
    absl::StrAppend(&allowed, allowed.empty() ? "" : ", ", method);
    if (method == "GET") absl::StrAppend(&allowed, ", HEAD");
  }
  HttpResponse response =
      ErrorResponse(405, absl::UnimplementedError(absl::StrCat(
                             "method: not allowed here, got ",
                             Shown(request.method), ", limit ", allowed)));
  response.headers.emplace_back("Allow", allowed);
  return Answer(std::move(response));
}

}  // namespace sluice
