#include "services/gateway/http/openai_request.h"

#include <string>
#include <string_view>
#include <utility>

#include "common/base/error_info.h"
#include "common/base/status_macros.h"
#include "services/gateway/http/chat_fields.h"

namespace sluice::gateway {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kMaxNames[] = {"max_new_tokens", "max_tokens",
                                          "max_completion_tokens"};
constexpr std::string_view kStopNames[] = {"stop"};

constexpr std::string_view kIgnored[] = {"user",
                                         "metadata",
                                         "store",
                                         "service_tier",
                                         "safety_identifier",
                                         "prompt_cache_key",
                                         "parallel_tool_calls"};

// A field that may say only this, and so asks for nothing.
struct Neutral {
  std::string_view name;
  const char* value;  // JSON
};

constexpr Neutral kChatNeutrals[] = {{"n", "1"},
                                     {"logprobs", "false"},
                                     {"top_logprobs", "0"},
                                     {"presence_penalty", "0"},
                                     {"frequency_penalty", "0"},
                                     {"logit_bias", "{}"},
                                     {"tools", "[]"},
                                     {"tool_choice", "\"none\""},
                                     {"response_format", "{\"type\":\"text\"}"},
                                     {"modalities", "[\"text\"]"}};

constexpr Neutral kCompletionNeutrals[] = {
    {"n", "1"},          {"best_of", "1"},          {"echo", "false"},
    {"suffix", "\"\""},  {"presence_penalty", "0"}, {"frequency_penalty", "0"},
    {"logit_bias", "{}"}};

absl::Status CheckNeutrals(JsonFields& fields,
                           std::span<const Neutral> neutrals) {
  for (const Neutral& neutral : neutrals) {
    const Json* value = fields.Find(neutral.name);
    if (value == nullptr || *value == Json::parse(neutral.value)) continue;
    return FieldError(neutral.name, "is not supported", Describe(*value),
                      neutral.value);
  }
  return absl::OkStatus();
}

absl::Status ReadStreamOptions(JsonFields& fields, StreamWish& wish) {
  const Json* options = fields.Find("stream_options");
  if (options == nullptr) return absl::OkStatus();
  if (!options->is_object() || !wish.stream) {
    return FieldError("stream_options", "is an object, with stream true only",
                      Describe(*options), "{\"include_usage\":true}");
  }
  JsonFields inner(*options, "stream_options.");
  std::optional<bool> include_usage;
  std::optional<bool> include_obfuscation;
  RETURN_IF_ERROR(inner.Read("include_usage", include_usage));
  RETURN_IF_ERROR(inner.Read("include_obfuscation", include_obfuscation));
  wish.include_usage = include_usage.value_or(false);
  return inner.RefuseOthers();
}

absl::StatusOr<StreamWish> ReadStreamWish(JsonFields& fields) {
  StreamWish wish;
  std::optional<bool> stream;
  RETURN_IF_ERROR(fields.Read("stream", stream));
  wish.stream = stream.value_or(false);
  RETURN_IF_ERROR(ReadStreamOptions(fields, wish));
  return wish;
}

// A string, or an array of exactly one.
absl::StatusOr<std::string> ReadPrompt(JsonFields& fields) {
  std::vector<std::string> prompts;
  RETURN_IF_ERROR(fields.Read("prompt", prompts));
  if (prompts.empty()) return std::string();
  if (prompts.size() == 1) return std::move(prompts[0]);
  return FieldError("prompt", "too many",
                    std::to_string(prompts.size()) + " prompts", "1");
}

}  // namespace

absl::StatusOr<OpenAiChat> ParseOpenAiChat(const Json& body) {
  JsonFields fields(body, "");
  OpenAiChat chat;
  ASSIGN_OR_RETURN(
      chat.request.options,
      ReadOptions(fields, {.max_names = kMaxNames, .stop_names = kStopNames}));
  ASSIGN_OR_RETURN(chat.wish, ReadStreamWish(fields));
  RETURN_IF_ERROR(CheckNeutrals(fields, kChatNeutrals));
  const Json* messages = fields.Find("messages");
  RETURN_IF_ERROR(fields.RefuseOthers(kIgnored));
  if (messages != nullptr) {
    ASSIGN_OR_RETURN(chat.request.messages, ReadMessages(*messages));
  }
  return chat;
}

absl::StatusOr<OpenAiCompletion> ParseOpenAiCompletion(const Json& body) {
  JsonFields fields(body, "");
  OpenAiCompletion completion;
  ASSIGN_OR_RETURN(
      completion.request.options,
      ReadOptions(fields, {.max_names = kMaxNames, .stop_names = kStopNames}));
  ASSIGN_OR_RETURN(completion.wish, ReadStreamWish(fields));
  RETURN_IF_ERROR(CheckNeutrals(fields, kCompletionNeutrals));
  ASSIGN_OR_RETURN(completion.request.prompt, ReadPrompt(fields));
  RETURN_IF_ERROR(fields.RefuseOthers(kIgnored));
  return completion;
}

}  // namespace sluice::gateway
