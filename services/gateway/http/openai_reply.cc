#include <ctime>
#include <nlohmann/json.hpp>

#include "common/http/http_error.h"
#include "services/gateway/http/reply.h"

namespace sluice::gateway {
namespace {

using Json = nlohmann::ordered_json;

std::string Dump(const Json& body) {
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json Usage(const api::Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.generated_tokens},
          {"total_tokens", usage.prompt_tokens + usage.generated_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}}};
}

// OpenAI knows one word for every kind of stop.
const char* FinishWord(api::FinishReason reason) {
  return reason == api::FinishReason::kLength ? "length" : "stop";
}

// The members that every body and chunk of one answer share.
Json Head(const OpenAiStyle& style, bool chunk, const api::Started& started,
          int64_t created) {
  Json head;
  head["id"] = (style.chat ? "chatcmpl-" : "cmpl-") + started.request_id;
  head["object"] = !style.chat ? "text_completion"
                   : chunk     ? "chat.completion.chunk"
                               : "chat.completion";
  head["created"] = created;
  head["model"] = started.model;
  head["system_fingerprint"] = started.fingerprint;
  return head;
}

class OpenAiReply final : public WholeReply {
 public:
  explicit OpenAiReply(const OpenAiStyle& style) : style_(style) {}

  std::string Body(const api::Started& started, const WholeAnswer& answer,
                   const api::Finished& finished, Nanos duration) override {
    Json choice;
    choice["index"] = 0;
    if (style_.chat) {
      choice["message"] = {{"role", "assistant"},
                           {"content", answer.text},
                           {"refusal", nullptr}};
      // As the models' own services call it; OpenAI keeps it to itself.
      if (!answer.reasoning.empty()) {
        choice["message"]["reasoning_content"] = answer.reasoning;
      }
    } else {
      choice["text"] = answer.text;
    }
    choice["logprobs"] = nullptr;
    choice["finish_reason"] = FinishWord(finished.reason);
    Json body = Head(style_, /*chunk=*/false, started, std::time(nullptr));
    body["choices"] = Json::array({choice});
    body["usage"] = Usage(finished.usage);
    return Dump(body);
  }

 private:
  const OpenAiStyle style_;
};

class OpenAiStream final : public StreamReply {
 public:
  explicit OpenAiStream(const OpenAiStyle& style)
      : style_(style), created_(std::time(nullptr)) {}

  std::string Event(const api::Event& event) override {
    if (const auto* queued = std::get_if<api::Queued>(&event)) {
      return SseComment("queued " + std::to_string(queued->position));
    }
    if (const auto* progress = std::get_if<api::Progress>(&event)) {
      return SseComment("prefill " +
                        std::to_string(progress->prompt_tokens_done));
    }
    if (const auto* started = std::get_if<api::Started>(&event)) {
      started_ = *started;
      if (!style_.chat) return SseComment("started");
      return Chunk({{"role", "assistant"}, {"content", ""}}, nullptr);
    }
    if (const auto* delta = std::get_if<api::Delta>(&event)) {
      if (!delta->reasoning.empty()) {
        return Chunk({{"reasoning_content", delta->reasoning}}, nullptr);
      }
      return OfText(delta->text);
    }
    finished_ = std::get<api::Finished>(event);
    return "";
  }

  std::string End(Nanos duration) override {
    const char* word = FinishWord(finished_.reason);
    std::string bytes =
        style_.chat ? Chunk(Json::object(), word) : TextChunk("", word);
    if (style_.include_usage) {
      Json usage = Start();
      usage["choices"] = Json::array();
      usage["usage"] = Usage(finished_.usage);
      bytes += SseEvent("", Dump(usage));
    }
    return bytes + SseEvent("", "[DONE]");
  }

  std::string Error(const absl::Status& status) override {
    return SseEvent("", ErrorJson(status));
  }

 private:
  Json Start() const {
    return Head(style_, /*chunk=*/true, started_, created_);
  }

  std::string OfText(const std::string& text) const {
    if (text.empty()) return SseComment("alive");
    return style_.chat ? Chunk({{"content", text}}, nullptr)
                       : TextChunk(text, nullptr);
  }

  std::string Chunk(Json delta, Json finish_reason) const {
    return WithChoice({{"index", 0},
                       {"delta", std::move(delta)},
                       {"logprobs", nullptr},
                       {"finish_reason", std::move(finish_reason)}});
  }

  std::string TextChunk(const std::string& text, Json finish_reason) const {
    return WithChoice({{"index", 0},
                       {"text", text},
                       {"logprobs", nullptr},
                       {"finish_reason", std::move(finish_reason)}});
  }

  std::string WithChoice(Json choice) const {
    Json body = Start();
    body["choices"] = Json::array({std::move(choice)});
    if (style_.include_usage) body["usage"] = nullptr;
    return SseEvent("", Dump(body));
  }

  const OpenAiStyle style_;
  const int64_t created_;
  api::Started started_;
  api::Finished finished_;
};

}  // namespace

std::unique_ptr<WholeReply> MakeOpenAiReply(const OpenAiStyle& style) {
  return std::make_unique<OpenAiReply>(style);
}

std::unique_ptr<StreamReply> MakeOpenAiStream(const OpenAiStyle& style) {
  return std::make_unique<OpenAiStream>(style);
}

}  // namespace sluice::gateway
