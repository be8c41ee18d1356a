#include "services/gateway/http/gateway_routes.h"

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "common/base/error_info.h"
#include "common/base/status_table.h"
#include "common/http/http_error.h"
#include "services/gateway/access/tenant_header.h"
#include "services/gateway/api/validator.h"
#include "services/gateway/http/json_body.h"
#include "services/gateway/http/native_request.h"
#include "services/gateway/http/openai_request.h"
#include "services/gateway/http/session.h"

namespace sluice::gateway {
namespace {

using Json = nlohmann::ordered_json;
using Http = std::shared_ptr<HttpExchange>;

constexpr int kUnsupportedMediaType = 415;

void RespondJson(HttpExchange& http, int status, const Json& body) {
  HttpResponse response;
  response.status = status;
  response.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  http.Respond(std::move(response));
}

void Refuse(const HttpFace& face, std::string_view route, const Http& http,
            const absl::Status& status) {
  http->Respond(ErrorResponse(face.pipeline.Refused(route, status)));
}

// The body, or nothing after answering what is wrong with it.
std::optional<nlohmann::json> BodyOf(const HttpFace& face,
                                     std::string_view route, const Http& http) {
  bool unsupported = false;
  auto body = ParseJsonBody(http->request(), unsupported);
  if (body.ok()) return *std::move(body);
  HttpResponse response =
      ErrorResponse(face.pipeline.Refused(route, body.status()));
  if (unsupported) response.status = kUnsupportedMediaType;
  http->Respond(std::move(response));
  return std::nullopt;
}

// What the client itself says of tenants is not asked for.
absl::StatusOr<std::string> TenantOfRequest(const HttpFace& face,
                                            const HttpRequest& request) {
  if (face.tenant_header.empty()) return std::string();
  std::vector<std::string_view> values;
  for (const auto& [name, value] : request.headers) {
    if (absl::EqualsIgnoreCase(name, face.tenant_header)) {
      values.push_back(value);
    }
  }
  return TenantOf(face.tenant_header, values);
}

template <typename Request>
void RunWhole(const HttpFace& face, std::string_view route, Http http,
              Request request, std::unique_ptr<WholeReply> reply) {
  auto tenant = TenantOfRequest(face, http->request());
  if (!tenant.ok()) return Refuse(face, route, http, tenant.status());
  request.options.tenant = *std::move(tenant);
  auto exchange = face.pipeline.Start(route, std::move(request));
  if (!exchange.ok()) {
    return http->Respond(ErrorResponse(exchange.status()));
  }
  AnswerWhole(std::move(http), *std::move(exchange), std::move(reply),
              face.clock);
}

template <typename Request>
void RunStream(const HttpFace& face, std::string_view route, Http http,
               Request request, std::unique_ptr<StreamReply> reply) {
  auto tenant = TenantOfRequest(face, http->request());
  if (!tenant.ok()) return Refuse(face, route, http, tenant.status());
  request.options.tenant = *std::move(tenant);
  auto exchange = face.pipeline.Start(route, std::move(request));
  if (!exchange.ok()) {
    return http->Respond(ErrorResponse(exchange.status()));
  }
  AnswerStream(std::move(http), *std::move(exchange), std::move(reply),
               face.clock);
}

void NativeChat(const HttpFace& face, Http http) {
  const auto body = BodyOf(face, "/chat", http);
  if (!body) return;
  auto request = ParseNativeChat(*body);
  if (!request.ok()) return Refuse(face, "/chat", http, request.status());
  RunWhole(face, "/chat", std::move(http), *std::move(request),
           MakeNativeReply());
}

void NativeChatStream(const HttpFace& face, Http http) {
  const auto body = BodyOf(face, "/chat_stream", http);
  if (!body) return;
  auto request = ParseNativeChat(*body);
  if (!request.ok()) {
    return Refuse(face, "/chat_stream", http, request.status());
  }
  RunStream(face, "/chat_stream", std::move(http), *std::move(request),
            MakeNativeStream());
}

// `Parsed` is OpenAiChat or OpenAiCompletion.
template <typename Parsed>
void RunOpenAi(const HttpFace& face, std::string_view route, Http http,
               absl::StatusOr<Parsed> parsed, bool chat) {
  if (!parsed.ok()) return Refuse(face, route, http, parsed.status());
  const OpenAiStyle style{.chat = chat,
                          .include_usage = parsed->wish.include_usage};
  if (parsed->wish.stream) {
    return RunStream(face, route, std::move(http), std::move(parsed->request),
                     MakeOpenAiStream(style));
  }
  RunWhole(face, route, std::move(http), std::move(parsed->request),
           MakeOpenAiReply(style));
}

void OpenAiChatCompletions(const HttpFace& face, Http http) {
  constexpr std::string_view kRoute = "/v1/chat/completions";
  const auto body = BodyOf(face, kRoute, http);
  if (!body) return;
  RunOpenAi(face, kRoute, std::move(http), ParseOpenAiChat(*body),
            /*chat=*/true);
}

void OpenAiCompletions(const HttpFace& face, Http http) {
  constexpr std::string_view kRoute = "/v1/completions";
  const auto body = BodyOf(face, kRoute, http);
  if (!body) return;
  RunOpenAi(face, kRoute, std::move(http), ParseOpenAiCompletion(*body),
            /*chat=*/false);
}

Json ModelJson(const ModelInfo& model) {
  return {{"id", model.name},
          {"object", "model"},
          {"created", model.started_at},
          {"owned_by", "sluice"},
          {"context_length", model.context_length},
          {"parameters", model.parameters},
          {"chat", model.chat}};
}

void ListModels(const HttpFace& face, const Http& http) {
  Json list = Json::array();
  for (const ModelInfo& model : face.pipeline.Models()) {
    list.push_back(ModelJson(model));
  }
  RespondJson(*http, 200, {{"object", "list"}, {"data", std::move(list)}});
}

void OneModel(const HttpFace& face, const Http& http) {
  const std::string& name = http->request().path_tail;
  for (const ModelInfo& model : face.pipeline.Models()) {
    if (model.name == name) return RespondJson(*http, 200, ModelJson(model));
  }
  http->Respond(ErrorResponse(WithReason(
      absl::NotFoundError("model: no such model, got " + api::Quoted(name)),
      "MODEL_NOT_FOUND")));
}

void Health(const HttpFace& face, const Http& http) {
  const absl::Status ready = face.ready();
  const std::vector<ModelInfo> models = face.pipeline.Models();
  Json body;
  body["status"] = ready.ok() ? "healthy" : "unavailable";
  body["model"] = models.empty() ? "" : models[0].name;
  if (!ready.ok()) body["reason"] = std::string(ready.message());
  RespondJson(*http, ready.ok() ? 200 : HttpStatusOf(ready.code()), body);
}

}  // namespace

std::vector<HttpRoute> GatewayRoutes(const HttpFace& face) {
  const auto with = [&face](auto handler) -> HttpHandler {
    return [face, handler](Http http) { handler(face, std::move(http)); };
  };
  return {{"GET", "/health", with(Health)},
          {"POST", "/chat", with(NativeChat)},
          {"POST", "/chat_stream", with(NativeChatStream)},
          {"GET", "/v1/models", with(ListModels)},
          {"GET", "/v1/models/*", with(OneModel)},
          {"POST", "/v1/chat/completions", with(OpenAiChatCompletions)},
          {"POST", "/v1/completions", with(OpenAiCompletions)}};
}

}  // namespace sluice::gateway
