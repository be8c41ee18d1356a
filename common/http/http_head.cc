#include "common/http/http_head.h"

#include <chrono>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/check.h"
#include "common/base/listen_address.h"
#include "common/http/http_error.h"

namespace sluice {
namespace {

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

std::string DateNow() {
  return absl::FormatTime("%a, %d %b %E4Y %H:%M:%S GMT",
                          absl::FromChrono(std::chrono::system_clock::now()),
                          absl::UTCTimeZone());
}

bool MayHaveBody(int status) {
  return status >= 200 && status != 204 && status != 304;
}

void AppendHeader(std::string_view name, std::string_view value,
                  std::string& out) {
  SLUICE_CHECK(name.find_first_of("\r\n:") == std::string_view::npos &&
                   value.find_first_of("\r\n") == std::string_view::npos,
               "a header would break the head apart");
  out.append(name).append(": ").append(value).append("\r\n");
}

// Everything but the framing headers and the empty line.
std::string CommonHead(const HttpResponse& response, AnswerStyle style) {
  std::string head = absl::StrCat("HTTP/1.1 ", response.status, " ");
  head.append(ReasonPhrase(response.status)).append("\r\n");
  AppendHeader("Date", DateNow(), head);
  if (MayHaveBody(response.status) && !response.content_type.empty()) {
    AppendHeader("Content-Type", response.content_type, head);
    AppendHeader("X-Content-Type-Options", "nosniff", head);
  }
  for (const auto& [name, value] : response.headers) {
    AppendHeader(name, value, head);
  }
  AppendHeader("Connection", style.keep_alive ? "keep-alive" : "close", head);
  return head;
}

size_t CountHeader(const HttpRequest& request, absl::string_view name) {
  size_t count = 0;
  for (const auto& [key, value] : request.headers) {
    if (absl::EqualsIgnoreCase(key, name)) ++count;
  }
  return count;
}

HttpResponse BadHead(std::string_view sentence) {
  return ErrorResponse(absl::InvalidArgumentError(std::string(sentence)));
}

std::optional<HttpResponse> RefuseFraming(const HttpRequest& request,
                                          HeadRules rules) {
  const size_t lengths = CountHeader(request, "Content-Length");
  const size_t encodings = CountHeader(request, "Transfer-Encoding");
  if (lengths > 1 || encodings > 1 || (lengths > 0 && encodings > 0)) {
    return BadHead(
        "Content-Length, Transfer-Encoding: got more than one of them, "
        "limit 1");
  }
  const std::optional<std::string_view> length =
      request.header("Content-Length");
  if (length && length->find_first_not_of("0123456789") != std::string::npos) {
    return BadHead("Content-Length: not a plain number");
  }
  if (encodings == 0) return std::nullopt;
  const std::string_view value = *request.header("Transfer-Encoding");
  if (rules.http_1_0 ||
      !absl::EqualsIgnoreCase(absl::string_view(value.data(), value.size()),
                              "chunked")) {
    return BadHead("Transfer-Encoding: not supported, limit chunked");
  }
  return std::nullopt;
}

std::optional<HttpResponse> RefuseHost(const HttpRequest& request,
                                       HeadRules rules) {
  const size_t hosts = CountHeader(request, "Host");
  if (hosts == 0 && rules.http_1_0) return std::nullopt;
  if (hosts != 1) return BadHead("Host: must be there exactly once");
  const absl::StatusOr<std::string> host =
      HostOfAuthority(*request.header("Host"));
  if (!host.ok()) return ErrorResponse(host.status());
  if (rules.loopback_only && !IsLoopbackHost(*host)) {
    return ErrorResponse(absl::PermissionDeniedError(
        "Host: this server listens on a loopback address only, limit "
        "localhost, 127.0.0.0/8 or [::1]"));
  }
  return std::nullopt;
}

}  // namespace

std::string SerializeResponse(const HttpResponse& response, AnswerStyle style) {
  std::string text = CommonHead(response, style);
  if (MayHaveBody(response.status)) {
    AppendHeader("Content-Length", std::to_string(response.body.size()), text);
  }
  text.append("\r\n");
  if (MayHaveBody(response.status) && !style.head_only) text += response.body;
  return text;
}

std::string SerializeStreamHead(const HttpResponse& head, AnswerStyle style) {
  std::string text = CommonHead(head, style);
  if (head.content_type == "text/event-stream") {
    AppendHeader("Cache-Control", "no-cache", text);
    AppendHeader("X-Accel-Buffering", "no", text);
  }
  if (!style.http_1_0) AppendHeader("Transfer-Encoding", "chunked", text);
  return text.append("\r\n");
}

std::string SerializePiece(std::string_view piece, AnswerStyle style) {
  if (style.head_only) return "";
  if (style.http_1_0) return std::string(piece);
  std::string text = absl::StrCat(absl::Hex(piece.size()), "\r\n");
  return text.append(piece).append("\r\n");
}

std::string SerializeStreamEnd(AnswerStyle style) {
  return style.head_only || style.http_1_0 ? "" : "0\r\n\r\n";
}

std::optional<HttpResponse> RefuseHead(const HttpRequest& request,
                                       HeadRules rules) {
  if (request.path.empty() || request.path.front() != '/') {
    return BadHead("request target: must begin with a slash");
  }
  if (auto refusal = RefuseFraming(request, rules)) return refusal;
  return RefuseHost(request, rules);
}

}  // namespace sluice
