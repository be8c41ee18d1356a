#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/base/error_info.h"
#include "services/gateway/http/native_request.h"
#include "services/gateway/http/openai_request.h"

namespace sluice::gateway {
namespace {

using Json = nlohmann::json;

Json With(Json base, const Json& more) {
  base.update(more);
  return base;
}

std::string NativeError(const Json& more) {
  const auto parsed = ParseNativeChat(With({{"prompt", "hi"}}, more));
  return std::string(parsed.status().message());
}

std::string OpenAiError(const Json& more) {
  const Json base = {{"messages", {{{"role", "user"}, {"content", "hi"}}}}};
  return std::string(ParseOpenAiChat(With(base, more)).status().message());
}

TEST(NativeRequest, PromptIsOneUserMessageAndBalancedIsTheDefault) {
  const auto request = ParseNativeChat({{"prompt", "hi"}});
  ASSERT_TRUE(request.ok());
  ASSERT_EQ(request->messages.size(), 1u);
  EXPECT_EQ(request->messages[0].role, "user");
  EXPECT_EQ(request->messages[0].content, "hi");
  EXPECT_EQ(request->options.preset, "balanced");
  EXPECT_EQ(request->options.names.Of("messages[0].content"), "prompt");
  EXPECT_EQ(request->options.names.Of("messages"), "prompt");
}

TEST(NativeRequest, EveryFieldIsRead) {
  const auto request = ParseNativeChat(Json::parse(R"({
    "messages": [{"role": "system", "content": "be brief"},
                 {"role": "user", "content": [{"type": "text", "text": "a"},
                                              {"type": "text", "text": "b"}]}],
    "model": "tiny", "preset": "speed", "request_id": "id",
    "temperature": 0.5, "top_k": 3, "top_p": 1, "repetition_penalty": 1.5,
    "seed": 18446744073709551615, "max_tokens": 7, "min_new_tokens": 1,
    "stop_sequence": "x", "stop_token_ids": [1, 2], "ignore_eos": true,
    "do_sample": false})"));
  ASSERT_TRUE(request.ok()) << request.status();
  const api::SamplingParams& params = request->options.params;
  EXPECT_EQ(request->messages[1].content, "ab");
  EXPECT_EQ(request->options.model, "tiny");
  EXPECT_EQ(request->options.preset, "speed");
  EXPECT_EQ(request->options.request_id, "id");
  EXPECT_EQ(params.temperature, 0.5);
  EXPECT_EQ(params.top_k, 3);
  EXPECT_EQ(params.top_p, 1);
  EXPECT_EQ(params.repetition_penalty, 1.5);
  EXPECT_EQ(params.seed, ~uint64_t{0});
  EXPECT_EQ(params.max_new_tokens, 7);
  EXPECT_EQ(params.min_new_tokens, 1);
  EXPECT_EQ(params.stop, std::vector<std::string>{"x"});
  EXPECT_EQ(params.stop_token_ids, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(params.ignore_eos, true);
  EXPECT_EQ(params.do_sample, false);
  EXPECT_EQ(request->options.names.OfParam("max_new_tokens"), "max_tokens");
  EXPECT_EQ(request->options.names.OfParam("stop[0]"), "stop_sequence[0]");
}

TEST(NativeRequest, WrongTypesAreRefusedByName) {
  EXPECT_EQ(NativeError({{"max_tokens", "5"}}),
            "max_tokens: is not an integer, got the string \"5\", limit an "
            "integer");
  EXPECT_EQ(NativeError({{"top_k", 1.5}}),
            "top_k: is not an integer, got 1.5, limit an integer");
  EXPECT_EQ(NativeError({{"top_k", 18446744073709551615ull}}),
            "top_k: out of range, got 18446744073709551615, limit 64 bits "
            "with sign");
  EXPECT_EQ(NativeError(Json::parse(R"({"seed":18446744073709551616})")),
            "seed: is not an integer of 64 bits without sign, got "
            "1.84467e+19, limit an integer of 64 bits without sign");
  EXPECT_EQ(NativeError({{"seed", -1}}),
            "seed: is not an integer of 64 bits without sign, got -1, limit "
            "an integer of 64 bits without sign");
  EXPECT_EQ(NativeError({{"temperature", true}}),
            "temperature: is not a number, got true, limit a number");
  EXPECT_EQ(NativeError({{"stop", {"a", 1}}}),
            "stop[1]: is not a string, got 1, limit a string");
  EXPECT_EQ(NativeError({{"stop_token_ids", 5}}),
            "stop_token_ids: is not an array of integers, got 5, limit an "
            "array of integers");
  EXPECT_EQ(NativeError({{"ignore_eos", 1}}),
            "ignore_eos: is not true or false, got 1, limit true or false");
  EXPECT_EQ(NativeError({{"prompt", 7}}),
            "prompt: is not a string, got 7, limit a string");
}

TEST(NativeRequest, NullIsAbsent) {
  EXPECT_EQ(NativeError({{"temperature", nullptr}, {"messages", nullptr}}), "");
}

TEST(NativeRequest, UnknownFieldsAreRefusedByName) {
  EXPECT_EQ(NativeError({{"temprature", 1}}),
            "temprature: is an unknown field");
  EXPECT_EQ(NativeError({{"user", "me"}}), "user: is an unknown field");
  const auto inner = ParseNativeChat(Json::parse(
      R"({"messages":[{"role":"user","content":"a","colour":1}]})"));
  EXPECT_EQ(inner.status().message(),
            "messages[0].colour: is an unknown field");
}

TEST(NativeRequest, PromptOrMessagesButNotBothOrNeither) {
  EXPECT_FALSE(ParseNativeChat(Json::object()).ok());
  EXPECT_NE(NativeError({{"messages", Json::array()}}), "");
}

TEST(NativeRequest, OneFieldUnderTwoNamesIsRefused) {
  EXPECT_EQ(NativeError({{"max_tokens", 5}, {"max_new_tokens", 5}}),
            "max_tokens: is given under two names, got max_new_tokens and "
            "max_tokens, limit one of them");
}

TEST(OpenAiRequest, IgnoredFieldsAreIgnoredAndOthersRefused) {
  EXPECT_EQ(OpenAiError({{"user", "me"},
                         {"metadata", {{"a", "b"}}},
                         {"store", true},
                         {"service_tier", "auto"}}),
            "");
  EXPECT_EQ(OpenAiError({{"audio", Json::object()}}),
            "audio: is an unknown field");
}

TEST(OpenAiRequest, AbilitiesThatAreNotHereAreTakenOnlyWhenTheyAskForNothing) {
  EXPECT_EQ(OpenAiError({{"n", 1},
                         {"presence_penalty", 0},
                         {"frequency_penalty", 0.0},
                         {"logprobs", false},
                         {"tools", Json::array()},
                         {"response_format", {{"type", "text"}}}}),
            "");
  EXPECT_EQ(OpenAiError({{"n", 2}}), "n: is not supported, got 2, limit 1");
  EXPECT_EQ(OpenAiError({{"presence_penalty", 0.5}}),
            "presence_penalty: is not supported, got 0.5, limit 0");
  EXPECT_NE(OpenAiError({{"logprobs", true}}), "");
}

TEST(OpenAiRequest, NoPresetAndAllNamesOfTheLength) {
  for (const char* name :
       {"max_tokens", "max_completion_tokens", "max_new_tokens"}) {
    const auto chat = ParseOpenAiChat({{"messages", Json::array()}, {name, 9}});
    ASSERT_TRUE(chat.ok()) << name;
    EXPECT_EQ(chat->request.options.params.max_new_tokens, 9);
    EXPECT_EQ(chat->request.options.preset, "");
  }
}

TEST(OpenAiRequest, StreamOptionsNeedAStream) {
  const Json usage = {{"include_usage", true}};
  EXPECT_NE(OpenAiError({{"stream_options", usage}}), "");
  const auto chat = ParseOpenAiChat({{"messages", Json::array()},
                                     {"stream", true},
                                     {"stream_options", usage}});
  ASSERT_TRUE(chat.ok()) << chat.status();
  EXPECT_TRUE(chat->wish.stream);
  EXPECT_TRUE(chat->wish.include_usage);
}

TEST(OpenAiRequest, CompletionTakesOnePrompt) {
  EXPECT_EQ(ParseOpenAiCompletion({{"prompt", "a"}})->request.prompt, "a");
  EXPECT_EQ(ParseOpenAiCompletion({{"prompt", {"a"}}})->request.prompt, "a");
  EXPECT_EQ(ParseOpenAiCompletion({{"prompt", {"a", "b"}}}).status().message(),
            "prompt: too many, got 2 prompts, limit 1");
  EXPECT_EQ(ParseOpenAiCompletion({{"prompt", "a"}, {"echo", true}})
                .status()
                .message(),
            "echo: is not supported, got true, limit false");
}

}  // namespace
}  // namespace sluice::gateway
