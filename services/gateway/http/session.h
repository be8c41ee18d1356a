#pragma once

// Carries one answer from the pipeline to an HTTP client. Both calls take over
// the exchange; it ends when the client goes away. Threads: any.

#include <memory>

#include "common/base/clock.h"
#include "common/http/http_server.h"
#include "services/gateway/http/reply.h"
#include "services/gateway/pipeline/exchange.h"

namespace sluice::gateway {

// One JSON body when the answer is complete, or an error response.
void AnswerWhole(std::shared_ptr<HttpExchange> http,
                 std::shared_ptr<Exchange> exchange,
                 std::unique_ptr<WholeReply> reply, const Clock& clock);

// Server-sent events as they come. A failure before the first event is an
// error response, one after it the stream's error event.
void AnswerStream(std::shared_ptr<HttpExchange> http,
                  std::shared_ptr<Exchange> exchange,
                  std::unique_ptr<StreamReply> reply, const Clock& clock);

}  // namespace sluice::gateway
