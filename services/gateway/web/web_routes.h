#pragma once

#include <vector>

#include "common/http/http_server.h"

namespace sluice::gateway {

// The chat page at "/": its files are part of the program, it loads nothing
// from anywhere else, and its content security policy allows no inline script
// or style. Handlers do not block. Threads: any.
std::vector<HttpRoute> WebRoutes();

}  // namespace sluice::gateway
