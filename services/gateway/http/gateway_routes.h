#pragma once

// The HTTP face: /health, /chat, /chat_stream and the OpenAI routes.

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/http/http_server.h"
#include "services/gateway/pipeline/pipeline.h"

namespace sluice::gateway {

// Lent to the routes for the life of the server.
struct HttpFace {
  Pipeline& pipeline;
  const Clock& clock;
  // OK while requests can be served. Must not block.
  std::function<absl::Status()> ready;
  // Header that names the tenant, see access/tenant_header.h; empty: none.
  std::string tenant_header = {};
};

// Handlers do not block. Threads: any.
std::vector<HttpRoute> GatewayRoutes(const HttpFace& face);

}  // namespace sluice::gateway
