#include "services/gateway/api/validator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "common/base/error_info.h"

namespace sluice::gateway::api {
namespace {

ChatRequest Chat() {
  ChatRequest request;
  request.messages = {{"user", "hello"}};
  return request;
}

struct Row {
  std::string name;
  std::function<void(ChatRequest&)> change;
  std::string message;  // empty: accepted
};

void ExpectVerdicts(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    ChatRequest request = Chat();
    row.change(request);
    const absl::Status status = Validate(request);
    if (row.message.empty()) {
      EXPECT_TRUE(status.ok()) << row.name << ": " << status;
    } else {
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << row.name;
      EXPECT_EQ(status.message(), row.message) << row.name;
    }
  }
}

TEST(Validator, TemperatureStaysWithinZeroAndAHundred) {
  const auto row = [](double value, std::string message) {
    return Row{std::to_string(value),
               [=](ChatRequest& r) { r.options.params.temperature = value; },
               message};
  };
  const std::string limit = ", limit 0 to 100";
  const std::string what = "temperature: out of range, got ";
  ExpectVerdicts(
      {row(0, ""), row(-0.0, ""), row(100, ""), row(-1, what + "-1" + limit),
       row(100.1, what + "100.1" + limit), row(1e308, what + "1e+308" + limit),
       row(std::nan(""), what + "nan" + limit),
       row(HUGE_VAL, what + "inf" + limit),
       row(-HUGE_VAL, what + "-inf" + limit)});
}

TEST(Validator, TopPAndRepetitionPenaltyExcludeZero) {
  const auto top_p = [](double value, std::string message) {
    return Row{"top_p " + std::to_string(value),
               [=](ChatRequest& r) { r.options.params.top_p = value; },
               message};
  };
  const auto penalty = [](double value, std::string message) {
    return Row{
        "repetition_penalty " + std::to_string(value),
        [=](ChatRequest& r) { r.options.params.repetition_penalty = value; },
        message};
  };
  ExpectVerdicts(
      {top_p(1, ""), top_p(1e-30, ""),
       top_p(0, "top_p: out of range, got 0, limit above 0 to 1"),
       top_p(-0.0, "top_p: out of range, got -0, limit above 0 to 1"),
       top_p(2, "top_p: out of range, got 2, limit above 0 to 1"),
       top_p(1e-60, "top_p: out of range, got 1e-60, limit above 0 to 1"),
       penalty(100, ""), penalty(0.5, ""),
       penalty(0,
               "repetition_penalty: out of range, got 0, limit above 0 to "
               "100")});
}

TEST(Validator, IntegersStayWithinTheirRanges) {
  constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
  const auto set = [](std::optional<int64_t> SamplingParams::*field,
                      int64_t value, std::string message) {
    return Row{std::to_string(value),
               [=](ChatRequest& r) { r.options.params.*field = value; },
               message};
  };
  ExpectVerdicts(
      {set(&SamplingParams::top_k, 0, ""),
       set(&SamplingParams::top_k, kMax, ""),
       set(&SamplingParams::top_k, -2,
           "top_k: out of range, got -2, limit 0 to 2147483647"),
       set(&SamplingParams::top_k, kMax + 1,
           "top_k: out of range, got 2147483648, limit 0 to 2147483647"),
       set(&SamplingParams::max_new_tokens, 1, ""),
       set(&SamplingParams::max_new_tokens, 0,
           "max_new_tokens: out of range, got 0, limit 1 to 2147483647"),
       set(&SamplingParams::min_new_tokens, 0, ""),
       set(&SamplingParams::min_new_tokens, -1,
           "min_new_tokens: out of range, got -1, limit 0 to 2147483647")});
}

TEST(Validator, StopsAreCountedAndMeasured) {
  const auto stops = [](std::vector<std::string> values, std::string message) {
    return Row{"stop", [=](ChatRequest& r) { r.options.params.stop = values; },
               message};
  };
  ExpectVerdicts(
      {stops(std::vector<std::string>(16, std::string(128, 'x')), ""),
       stops(std::vector<std::string>(17, "x"),
             "stop: too many, got 17, limit 16 stop strings"),
       stops({"a", ""}, "stop[1]: bad length, got 0 bytes, limit 1 to 128"),
       stops({std::string(129, 'x')},
             "stop[0]: bad length, got 129 bytes, limit 1 to 128"),
       stops({"\xff"}, "stop[0]: is not valid UTF-8 at byte 0")});
  const auto ids = [](std::vector<int64_t> values, std::string message) {
    return Row{
        "ids",
        [=](ChatRequest& r) { r.options.params.stop_token_ids = values; },
        message};
  };
  ExpectVerdicts({ids(std::vector<int64_t>(64, 5), ""),
                  ids(std::vector<int64_t>(65, 5),
                      "stop_token_ids: too many, got 65, limit 64 ids"),
                  ids({1, -1},
                      "stop_token_ids[1]: out of range, got -1, limit 0 to "
                      "2147483646")});
}

TEST(Validator, MessagesAreCountedAndTheirRolesKnown) {
  ExpectVerdicts(
      {{"none", [](ChatRequest& r) { r.messages.clear(); },
        "messages: is empty, got 0 messages, limit 1 to 1024"},
       {"1024", [](ChatRequest& r) { r.messages.resize(1024, r.messages[0]); },
        ""},
       {"1025", [](ChatRequest& r) { r.messages.resize(1025, r.messages[0]); },
        "messages: too many, got 1025, limit 1024 messages"},
       {"role", [](ChatRequest& r) { r.messages[0].role = "tool\n"; },
        "messages[0].role: unknown role, got \"tool\\x0a\", limit \"system\", "
        "\"user\", \"assistant\" or \"tool\""},
       {"empty", [](ChatRequest& r) { r.messages[0].content = ""; },
        "messages[0].content: is empty, got 0 bytes, limit 1 or more"},
       {"empty assistant",
        [](ChatRequest& r) {
          r.messages = {{"user", "a"}, {"assistant", ""}, {"user", "b"}};
        },
        ""},
       {"utf8", [](ChatRequest& r) { r.messages[0].content = "a\xed\xa0\x80"; },
        "messages[0].content: is not valid UTF-8 at byte 1"}});
}

ChatMessage Calling(const std::string& name, const std::string& arguments) {
  return {
      .role = "assistant",
      .tool_calls = {{.id = "c0", .name = name, .arguments_json = arguments}}};
}

TEST(Validator, CallsAndTheirAnswersStandWhereTheyBelong) {
  ExpectVerdicts(
      {{"a call and its answer",
        [](ChatRequest& r) {
          r.messages.push_back(Calling("find", "{\"q\":[1]}"));
          r.messages.push_back({.role = "tool",
                                .content = "",
                                .name = "find",
                                .tool_call_id = "c0"});
        },
        ""},
       {"no name", [](ChatRequest& r) { r.messages = {Calling("", "{}")}; },
        "messages[0].tool_calls[0].name: is empty, got 0 bytes, limit 1 or "
        "more"},
       {"no object", [](ChatRequest& r) { r.messages = {Calling("f", "[1]")}; },
        "messages[0].tool_calls[0].arguments_json: is not a JSON object, got "
        "\"[1]\""},
       {"too many",
        [](ChatRequest& r) {
          r.messages = {Calling("f", "{}")};
          r.messages[0].tool_calls.resize(129, r.messages[0].tool_calls[0]);
        },
        "messages[0].tool_calls: too many, got 129, limit 128 calls"},
       {"calls of a user",
        [](ChatRequest& r) {
          r.messages[0].tool_calls = Calling("f", "{}").tool_calls;
        },
        "messages[0].tool_calls: has no place in a message of this role, got "
        "\"user\", limit \"assistant\""},
       {"thoughts of a user",
        [](ChatRequest& r) { r.messages[0].reasoning = "hm"; },
        "messages[0].reasoning: has no place in a message of this role, got "
        "\"user\", limit \"assistant\""},
       {"an answer of a user",
        [](ChatRequest& r) { r.messages[0].tool_call_id = "c0"; },
        "messages[0].tool_call_id: has no place in a message of this role, "
        "got \"user\", limit \"tool\""},
       {"a name of a user", [](ChatRequest& r) { r.messages[0].name = "me"; },
        "messages[0].name: has no place in a message of this role, got "
        "\"user\", limit \"tool\""}});
}

TEST(Validator, BrokenJsonIsNamedByItsField) {
  const auto verdict = [](const std::function<void(ChatRequest&)>& change) {
    ChatRequest request = Chat();
    change(request);
    return Validate(request);
  };
  const absl::Status arguments =
      verdict([](ChatRequest& r) { r.messages.push_back(Calling("f", "{")); });
  EXPECT_EQ(arguments.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(FieldOf(arguments), "messages[1].tool_calls[0].arguments_json");
  for (const std::string& tools :
       {std::string("["), std::string("{}"), std::string("[1]"),
        std::string("[{\"type\":\"web\"}]"),
        std::string("[{\"type\":\"function\"}]"),
        std::string("[{\"type\":\"function\",\"function\":{}}]"),
        std::string(33, '[') + std::string(33, ']')}) {
    const absl::Status status =
        verdict([&](ChatRequest& r) { r.tools_json = tools; });
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << tools;
    EXPECT_EQ(FieldOf(status), "tools_json") << tools << status;
  }
  EXPECT_EQ(
      FieldOf(verdict([](ChatRequest& r) { r.template_kwargs_json = "[]"; })),
      "template_kwargs_json");
}

std::string ToolsJson(int count) {
  std::string json = "[";
  for (int i = 0; i < count; ++i) {
    json += i == 0 ? "" : ",";
    json += R"({"type":"function","function":{"name":"f"}})";
  }
  return json + "]";
}

TEST(Validator, ToolsAreCounted) {
  ExpectVerdicts(
      {{"none", [](ChatRequest& r) { r.tools_json = "[]"; }, ""},
       {"128", [](ChatRequest& r) { r.tools_json = ToolsJson(128); }, ""},
       {"129", [](ChatRequest& r) { r.tools_json = ToolsJson(129); },
        "tools_json: too many, got 129, limit 128 tools"},
       {"kwargs",
        [](ChatRequest& r) {
          r.template_kwargs_json = "{\"enable_thinking\":false}";
        },
        ""}});
}

TEST(Validator, NamesAreShortAndPrintable) {
  ExpectVerdicts(
      {{"path", [](ChatRequest& r) { r.options.model = "../x"; }, ""},
       {"nul", [](ChatRequest& r) { r.options.model = std::string("a\0b", 3); },
        "model: has control characters, got \"a\\x00b\""},
       {"long", [](ChatRequest& r) { r.options.model.assign(1 << 20, 'm'); },
        "model: too long, got 1048576 bytes, limit 256"},
       {"id",
        [](ChatRequest& r) { r.options.request_id = std::string(129, 'i'); },
        "request_id: too long, got 129 bytes, limit 128"},
       {"id 128",
        [](ChatRequest& r) { r.options.request_id = std::string(128, 'i'); },
        ""}});
}

TEST(Validator, ErrorsNameTheFieldAsTheClientWroteIt) {
  ChatRequest request = Chat();
  request.options.params.max_new_tokens = 0;
  request.options.names.params_prefix = "params.";
  EXPECT_EQ(FieldOf(Validate(request)), "params.max_new_tokens");
  request.options.names = {
      .params_prefix = "",
      .aliases = {{"max_new_tokens", "max_tokens"}, {"stop", "stop_sequence"}}};
  EXPECT_EQ(FieldOf(Validate(request)), "max_tokens");
  request = Chat();
  request.options.params.stop = {""};
  request.options.names.aliases = {{"stop", "stop_sequence"}};
  EXPECT_EQ(FieldOf(Validate(request)), "stop_sequence[0]");
}

TEST(Validator, EmptyCompletionPromptIsRefused) {
  CompletionRequest request;
  EXPECT_EQ(Validate(request).message(),
            "prompt: is empty, got 0 bytes, limit 1 or more");
  request.prompt = "x";
  EXPECT_TRUE(Validate(request).ok());
}

TEST(Validator, ModelLimitsBindTokensAndIds) {
  const ModelLimits limits{.context_length = 100, .vocabulary_size = 50};
  SamplingParams params;
  EXPECT_TRUE(ValidateForModel(params, {}, limits).ok());
  params.max_new_tokens = 100;
  params.min_new_tokens = 100;
  params.stop_token_ids = {49};
  EXPECT_TRUE(ValidateForModel(params, {}, limits).ok());
  params.max_new_tokens = 101;
  EXPECT_EQ(ValidateForModel(params, {}, limits).message(),
            "max_new_tokens: out of range, got 101, limit 1 to 100");
  params.max_new_tokens = 10;
  EXPECT_EQ(ValidateForModel(params, {}, limits).message(),
            "min_new_tokens: out of range, got 100, limit 0 to 10");
  params.min_new_tokens.reset();
  params.stop_token_ids = {50};
  EXPECT_EQ(ValidateForModel(params, {}, limits).message(),
            "stop_token_ids[0]: out of range, got 50, limit 0 to 49");
}

TEST(Validator, PromptLeavesRoomForOneToken) {
  EXPECT_TRUE(ValidatePromptTokens("prompt", 99, 100).ok());
  const absl::Status status = ValidatePromptTokens("prompt", 100, 100);
  EXPECT_EQ(status.message(),
            "prompt: is longer than the context, got 100 tokens, limit 99, "
            "one less than the context of 100");
  EXPECT_EQ(ReasonOf(status), kReasonContextLengthExceeded);
  EXPECT_EQ(ValidatePromptTokens("prompt", 0, 100).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(Validator, QuotedTextIsShortAndPrintable) {
  EXPECT_EQ(Quoted("a\"b\\\n\xff"), "\"a\\x22b\\x5c\\x0a\\xff\"");
  EXPECT_EQ(Quoted(std::string(41, 'x')),
            "\"" + std::string(40, 'x') + "\"...");
}

}  // namespace
}  // namespace sluice::gateway::api
