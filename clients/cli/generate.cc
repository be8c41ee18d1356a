#include "clients/cli/generate.h"

#include <memory>

#include "clients/cli/cancel_on_stop.h"
#include "clients/cli/event_printer.h"
#include "common/base/error_info.h"
#include "common/base/utf8.h"
#include "common/rpc/channel.h"
#include "common/rpc/status.h"
#include "sluice/gateway/v1/gateway.grpc.pb.h"

namespace sluice::cli {
namespace {

using gateway::v1::GatewayService;

template <typename Response>
EventPrinter::Event EventOf(const Response& response) {
  EventPrinter::Event event{.message = response};
  switch (response.event_case()) {
    case Response::kQueued:
      event.queued = &response.queued();
      break;
    case Response::kStarted:
      event.started = &response.started();
      break;
    case Response::kProgress:
      event.progress = &response.progress();
      break;
    case Response::kDelta:
      event.delta = &response.delta();
      break;
    case Response::kFinished:
      event.finished = &response.finished();
      break;
    case Response::EVENT_NOT_SET:
      break;  // an event of a newer server
  }
  return event;
}

template <typename Response>
grpc::Status Stream(grpc::ClientReader<Response>& reader,
                    EventPrinter& printer) {
  Response response;
  while (reader.Read(&response)) printer.Show(EventOf(response));
  printer.End();
  return reader.Finish();
}

// What chats and completions have in common.
template <typename Request>
Request MakeRequest(const GenerateOptions& options) {
  Request request;
  request.set_model(options.model);
  request.set_preset(options.preset);
  request.set_request_id(options.request_id);
  *request.mutable_params() = options.params;
  return request;
}

grpc::Status Chat(const GenerateOptions& options, const std::string& prompt,
                  grpc::ClientContext& context, EventPrinter& printer) {
  auto request = MakeRequest<gateway::v1::ChatRequest>(options);
  if (!options.system.empty()) {
    gateway::v1::ChatMessage* message = request.add_messages();
    message->set_role("system");
    message->set_content(options.system);
  }
  gateway::v1::ChatMessage* message = request.add_messages();
  message->set_role("user");
  message->set_content(prompt);
  const auto stub = GatewayService::NewStub(MakeChannel(options.server));
  return Stream(*stub->Chat(&context, request), printer);
}

grpc::Status Complete(const GenerateOptions& options, const std::string& prompt,
                      grpc::ClientContext& context, EventPrinter& printer) {
  auto request = MakeRequest<gateway::v1::CompleteRequest>(options);
  request.set_prompt(prompt);
  const auto stub = GatewayService::NewStub(MakeChannel(options.server));
  return Stream(*stub->Complete(&context, request), printer);
}

absl::Status CheckTexts(const GenerateOptions& options,
                        const std::string& prompt) {
  if (prompt.empty()) {
    return FieldError("prompt", "it is empty", "0 bytes", "at least 1");
  }
  if (!IsValidUtf8(prompt)) return FieldError("prompt", "not valid UTF-8");
  if (!IsValidUtf8(options.system)) {
    return FieldError("system", "not valid UTF-8");
  }
  if (!options.chat && !options.system.empty()) {
    return FieldError("system", "a text to complete has no system message");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Generate(const GenerateOptions& options, const std::string& prompt,
                      StopSignal& stop, const Clock& clock, Output& output) {
  if (absl::Status valid = CheckTexts(options, prompt); !valid.ok()) {
    return valid;
  }
  grpc::ClientContext context;
  if (options.timeout_ms > 0) {
    SetTimeout(context, options.timeout_ms * kNanosPerMilli);
  }
  const std::unique_ptr<EventPrinter> printer =
      options.json ? MakeJsonPrinter(output) : MakeTextPrinter(output, clock);
  CancelOnStop cancel(stop, context);
  const grpc::Status status =
      options.chat ? Chat(options, prompt, context, *printer)
                   : Complete(options, prompt, context, *printer);
  cancel.End();
  if (!status.ok() && cancel.interrupted()) {
    return absl::CancelledError("interrupted");
  }
  return FromGrpcStatus(status);
}

}  // namespace sluice::cli
