#pragma once

// The wire form of answers, and the rules that a request's head must keep.
// Pure. Threads: any.

#include <optional>
#include <string>
#include <string_view>

#include "common/http/http_message.h"

namespace sluice {

// How one answer is framed.
struct AnswerStyle {
  bool head_only = false;  // to HEAD: no body
  bool http_1_0 = false;   // no chunks; a stream ends with the connection
  bool keep_alive = true;
};

// Status line, headers and body.
std::string SerializeResponse(const HttpResponse& response, AnswerStyle style);
// Status line and headers of a streamed answer.
std::string SerializeStreamHead(const HttpResponse& head, AnswerStyle style);
// One piece of a stream. REQUIRES: !piece.empty().
std::string SerializePiece(std::string_view piece, AnswerStyle style);
// What ends a stream.
std::string SerializeStreamEnd(AnswerStyle style);

struct HeadRules {
  bool http_1_0 = false;
  bool loopback_only = false;  // only loopback Host names
};

// The answer that refuses this head: what could be read two ways by a proxy
// before us (request smuggling), a Host that is missing, doubled or not ours.
std::optional<HttpResponse> RefuseHead(const HttpRequest& request,
                                       HeadRules rules);

}  // namespace sluice
