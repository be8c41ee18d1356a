#include "services/gateway/web/web_routes.h"

#include <string>
#include <utility>

#include "services/gateway/web/page_files.h"

namespace sluice::gateway {
namespace {

constexpr char kPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

HttpRoute Serve(std::string path, std::string_view content_type,
                std::string_view file) {
  return {"GET", std::move(path),
          [content_type, file](const std::shared_ptr<HttpExchange>& http) {
            HttpResponse response;
            response.content_type = content_type;
            response.body = file;
            response.headers = {{"Content-Security-Policy", kPolicy},
                                {"X-Content-Type-Options", "nosniff"},
                                {"Referrer-Policy", "no-referrer"},
                                {"Cache-Control", "no-cache"}};
            http->Respond(std::move(response));
          }};
}

}  // namespace

std::vector<HttpRoute> WebRoutes() {
  return {Serve("/", "text/html; charset=utf-8", kPageHtml),
          Serve("/chat.css", "text/css; charset=utf-8", kPageCss),
          Serve("/chat.js", "text/javascript; charset=utf-8", kPageJs)};
}

}  // namespace sluice::gateway
