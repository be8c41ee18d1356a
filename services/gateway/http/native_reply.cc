#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "common/http/http_error.h"
#include "services/gateway/http/reply.h"

namespace sluice::gateway {
namespace {

using Json = nlohmann::ordered_json;

Json Usage(const api::Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"cached_tokens", usage.cached_tokens},
          {"completion_tokens", usage.generated_tokens},
          {"total_tokens", usage.prompt_tokens + usage.generated_tokens}};
}

Json Timings(const api::Timings& timings) {
  return {{"queue_seconds", timings.queue_seconds},
          {"prefill_seconds", timings.prefill_seconds},
          {"decode_seconds", timings.decode_seconds}};
}

// What /chat reports beside the text and /chat_stream reports in the end.
void AddReport(Json& body, const api::Started& started,
               const api::Finished& finished, Nanos duration) {
  body["time_cost"] = absl::StrFormat("%.1fs", ToSeconds(duration));
  body["time_cost_ms"] = duration / kNanosPerMilli;
  body["token_count"] = finished.usage.generated_tokens;
  body["model"] = started.model;
  body["request_id"] = started.request_id;
  body["prompt_tokens"] = finished.usage.prompt_tokens;
  body["finish_reason"] = api::FinishReasonName(finished.reason);
  if (!finished.matched_stop.empty()) {
    body["matched_stop"] = finished.matched_stop;
  }
  body["seed"] = started.effective_params.seed.value_or(0);
  body["fingerprint"] = started.fingerprint;
  body["usage"] = Usage(finished.usage);
  body["timings"] = Timings(finished.timings);
}

std::string Dump(const Json& body) {
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

class NativeReply final : public WholeReply {
 public:
  std::string Body(const api::Started& started, const WholeAnswer& answer,
                   const api::Finished& finished, Nanos duration) override {
    Json body;
    body["response"] = answer.text;
    if (!answer.reasoning.empty()) body["reasoning"] = answer.reasoning;
    AddReport(body, started, finished, duration);
    return Dump(body);
  }
};

class NativeStream final : public StreamReply {
 public:
  std::string Event(const api::Event& event) override {
    if (const auto* queued = std::get_if<api::Queued>(&event)) {
      return SseComment("queued " + std::to_string(queued->position));
    }
    if (const auto* started = std::get_if<api::Started>(&event)) {
      started_ = *started;
      return SseComment("started");
    }
    if (const auto* progress = std::get_if<api::Progress>(&event)) {
      return SseComment("prefill " +
                        std::to_string(progress->prompt_tokens_done));
    }
    if (const auto* delta = std::get_if<api::Delta>(&event)) {
      if (!delta->reasoning.empty()) {
        return SseEvent("reasoning", Dump(delta->reasoning));
      }
      return delta->text.empty() ? SseComment("alive") : SseText(delta->text);
    }
    finished_ = std::get<api::Finished>(event);
    return "";
  }

  std::string End(Nanos duration) override {
    Json body;
    AddReport(body, started_, finished_, duration);
    return SseEvent("done", Dump(body));
  }

  std::string Error(const absl::Status& status) override {
    return SseEvent("error", ErrorJson(status));
  }

 private:
  api::Started started_;
  api::Finished finished_;
};

}  // namespace

std::unique_ptr<WholeReply> MakeNativeReply() {
  return std::make_unique<NativeReply>();
}

std::unique_ptr<StreamReply> MakeNativeStream() {
  return std::make_unique<NativeStream>();
}

}  // namespace sluice::gateway
