#include "services/gateway/parsing/answer_parser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/utf8.h"

namespace sluice::gateway {
namespace {

constexpr std::string_view kKinds[] = {"T", "R"};

// Pieces put together: "T[text]", "R[reasoning]", "C0[name arguments]".
class Seen {
 public:
  void Add(const std::vector<AnswerPiece>& pieces) {
    for (const AnswerPiece& piece : pieces) {
      if (const auto* call = std::get_if<ToolCallPiece>(&piece)) {
        End();
        all_ += "C" + std::to_string(call->index) + "[" + call->name + " " +
                call->arguments + "]";
        EXPECT_EQ(call->id, "id-" + std::to_string(call->index));
        continue;
      }
      const auto* text = std::get_if<TextPiece>(&piece);
      const std::string& more =
          text != nullptr ? text->text : std::get<ReasoningPiece>(piece).text;
      EXPECT_FALSE(more.empty());
      EXPECT_TRUE(IsValidUtf8(more)) << more;
      if (kind_ != kKinds[piece.index()]) {
        End();
        kind_ = kKinds[piece.index()];
        all_ += std::string(kind_) + "[";
      }
      all_ += more;
    }
  }

  std::string all() {
    End();
    return all_;
  }

 private:
  void End() {
    if (!kind_.empty()) all_ += "]";
    kind_ = "";
  }

  std::string all_;
  std::string_view kind_;
};

std::string Parse(AnswerParserOptions options, std::string_view text,
                  const std::vector<size_t>& cuts) {
  options.call_id_prefix = "id-";
  AnswerParser parser(options);
  Seen seen;
  size_t begin = 0;
  for (size_t cut : cuts) {
    seen.Add(parser.Push(text.substr(begin, cut - begin)));
    begin = cut;
  }
  seen.Add(parser.Push(text.substr(begin)));
  seen.Add(parser.Finish());
  return seen.all();
}

// Whole, in two pieces at every byte, byte by byte, and in random pieces.
void ExpectHoweverCut(const AnswerParserOptions& options, std::string_view text,
                      const std::string& expected) {
  SCOPED_TRACE(std::string(AnswerFormatName(options.format)) + ": " +
               std::string(text));
  ASSERT_EQ(Parse(options, text, {}), expected);
  std::vector<size_t> bytes;
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    ASSERT_EQ(Parse(options, text, {cut}), expected) << "cut at " << cut;
    bytes.push_back(cut);
  }
  ASSERT_EQ(Parse(options, text, bytes), expected) << "byte by byte";
  std::mt19937 random(static_cast<uint32_t>(text.size()));
  for (int round = 0; round < 20; ++round) {
    std::vector<size_t> cuts;
    for (size_t n = random() % 8; n > 0; --n) {
      cuts.push_back(random() % (text.size() + 1));
    }
    std::sort(cuts.begin(), cuts.end());
    ASSERT_EQ(Parse(options, text, cuts), expected) << "round " << round;
  }
}

void Expect(AnswerFormat format, std::string_view text,
            const std::string& expected) {
  ExpectHoweverCut({.format = format}, text, expected);
}

constexpr std::string_view kCall =
    R"(<tool_call>{"name":"f","arguments":{"a":1}}</tool_call>)";

TEST(AnswerParserTest, PlainTextIsLeftAlone) {
  const std::string text = "<think>x</think>" + std::string(kCall) + " é😀 ";
  Expect(AnswerFormat::kPlain, text, "T[" + text + "]");
  Expect(AnswerFormat::kPlain, "", "");
}

TEST(AnswerParserTest, HermesCallsComeOutAsWritten) {
  Expect(
      AnswerFormat::kHermes,
      "Let me look. 我来查。\n<tool_call>\n{\"name\": \"get_weather\", "
      "\"arguments\": {\"city\": \"北京\", \"n\": [1, 2.50]}}\n</tool_call>\n"
      "<tool_call>{\"arguments\":{},\"name\":\"g\"}</tool_call>\n",
      "T[Let me look. 我来查。]C0[get_weather {\"city\": \"北京\", \"n\": [1, "
      "2.50]}]C1[g {}]");
}

TEST(AnswerParserTest, ArgumentsMayBeAbsentOrAString) {
  Expect(AnswerFormat::kHermes, R"(<tool_call>{"name":"f"}</tool_call>)",
         "C0[f {}]");
  Expect(
      AnswerFormat::kHermes,
      R"(<tool_call>{"name":"f","arguments":" {\"a\":\"\u00e9\"} "}</tool_call>)",
      R"(C0[f {"a":"é"}])");
  Expect(AnswerFormat::kHermes,
         R"(<tool_call>{"name":"f","parameters":{"b":2}}</tool_call>)",
         R"(C0[f {"b":2}])");
}

TEST(AnswerParserTest, MarkersInsideStringsOfACallAreArguments) {
  Expect(
      AnswerFormat::kQwen3,
      R"(<tool_call>{"name":"f","arguments":{"a":"</tool_call><think>"}}</tool_call>)",
      R"(C0[f {"a":"</tool_call><think>"}])");
}

TEST(AnswerParserTest, WhatIsNoCallIsTextAsItWasWritten) {
  for (std::string_view text :
       {"<tool_call>", "<tool_call", "a < b <tool", "x <tool_call> no json",
        "<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":tru}}</tool_call>",
        "<tool_call>\n{\"name\": \"f\", \"arguments\": [1]}\n</tool_call>",
        "<tool_call>{\"arguments\":{}}</tool_call>",
        "<tool_call>{\"name\":1,\"arguments\":{}}</tool_call>",
        "<tool_call>{\"name\":\"\",\"arguments\":{}}</tool_call>",
        "<tool_call>{\"name\":\"\\ud800\",\"arguments\":{}}</tool_call>",
        "<tool_call>{\"name\":\"f\",\"name\":\"g\"}</tool_call>",
        "<tool_call>{\"name\":\"f\",\"arguments\":{},\"parameters\":{}}</"
        "tool_call>",
        "<tool_call>{\"name\":\"f\",\"arguments\":\"no\"}</tool_call>",
        "<tool_call>{\"name\":\"f\",\"arguments\":\"{} {}\"}</tool_call>",
        "<tool_call>{\"name\":\"f\"}</tool_response>", "</tool_call> \n ",
        " \n", "{\"name\":\"f\",\"arguments\":{}}"}) {
    Expect(AnswerFormat::kHermes, text, "T[" + std::string(text) + "]");
  }
}

TEST(AnswerParserTest, ReadingGoesOnAtTheByteThatBrokeACall) {
  Expect(AnswerFormat::kHermes, "<tool_call>{\"a\": " + std::string(kCall),
         R"(T[<tool_call>{"a": ]C0[f {"a":1}])");
  Expect(AnswerFormat::kHermes, "<tool_call>" + std::string(kCall) + "x",
         R"(T[<tool_call>]C0[f {"a":1}]T[x])");
  Expect(AnswerFormat::kHermes, "<tool_<" + std::string(kCall),
         R"(T[<tool_<]C0[f {"a":1}])");
}

TEST(AnswerParserTest, ACallIsWholeAtTheEndWhenItsObjectIs) {
  const std::string_view open = kCall.substr(0, kCall.size() - 12);
  Expect(AnswerFormat::kHermes, open, R"(C0[f {"a":1}])");
  Expect(AnswerFormat::kHermes, std::string(open) + "\n</tool_c",
         R"(C0[f {"a":1}])");
  Expect(AnswerFormat::kHermes, open.substr(0, open.size() - 1),
         "T[" + std::string(open.substr(0, open.size() - 1)) + "]");
}

TEST(AnswerParserTest, ReasoningStandsOnlyAtTheStart) {
  Expect(
      AnswerFormat::kQwen3,
      "\n<think>\nHm, 想。 a<b </thin\n</think>\n\nYes. " + std::string(kCall),
      R"(R[Hm, 想。 a<b </thin]T[Yes.]C0[f {"a":1}])");
  Expect(AnswerFormat::kQwen3, "<think>\n\n</think>\n\nYes.", "T[Yes.]");
  Expect(AnswerFormat::kYoutu, "<think>" + std::string(kCall) + "\n",
         "R[" + std::string(kCall) + "\n]");
  Expect(AnswerFormat::kQwen3, "Say <think>x</think>",
         "T[Say <think>x</think>]");
  Expect(AnswerFormat::kHermes, "<think>x</think>", "T[<think>x</think>]");
}

TEST(AnswerParserTest, ReasoningThatThePromptOpenedGoesOn) {
  const AnswerParserOptions open = {.format = AnswerFormat::kDeepSeekR1,
                                    .reasoning_open = true};
  ExpectHoweverCut(open, "I think.\n</think>\n\nSo.", "R[I think.]T[So.]");
  ExpectHoweverCut(open, "<think>\nI.</think>So <think>.",
                   "R[I.]T[So <think>.]");
  ExpectHoweverCut(open, "\nI never end \n", "R[I never end \n]");
  AnswerParserOptions shown = open;
  shown.reasoning = false;
  ExpectHoweverCut(shown, "a</think>b", "T[a</think>b]");
}

TEST(AnswerParserTest, YoutuCallsFollowEachOther) {
  Expect(AnswerFormat::kYoutu,
         "<think>a</think>" + std::string(kCall) + "\n" + std::string(kCall),
         R"(R[a]C0[f {"a":1}]C1[f {"a":1}])");
}

TEST(AnswerParserTest, LlamaCallsAreTheWholeAnswer) {
  const std::string call = R"({"name": "f", "parameters": {"a": "b"}})";
  Expect(AnswerFormat::kLlama3, call, R"(C0[f {"a": "b"}])");
  Expect(AnswerFormat::kLlama3, "\n<|python_tag|> " + call + "\n",
         R"(C0[f {"a": "b"}])");
  Expect(AnswerFormat::kLlama3, call + "; " + call + "<|python_tag|>" + call,
         R"(C0[f {"a": "b"}]C1[f {"a": "b"}]C2[f {"a": "b"}])");
  Expect(AnswerFormat::kLlama3, call + "; and", R"(C0[f {"a": "b"}]T[; and])");
  for (const std::string& text :
       {"Sure: " + call, std::string(R"({"name": "f"})"),
        std::string(R"({"a": {"name": "f", "parameters": {}}})"),
        std::string("<|python_tag|>print(1)"), std::string(";") + call,
        "<|python_tag|><|python_tag|>" + call, "{" + call}) {
    Expect(AnswerFormat::kLlama3, text, "T[" + text + "]");
  }
}

std::string DeepSeekCall(std::string_view name, std::string_view arguments) {
  return std::string(kDeepSeekCallBegin) + "function" +
         std::string(kDeepSeekSeparator) + std::string(name) + "\n```json\n" +
         std::string(arguments) + "\n```" + std::string(kDeepSeekCallEnd);
}

TEST(AnswerParserTest, DeepSeekCallsComeInAList) {
  const std::string begin(kDeepSeekCallsBegin);
  const std::string end(kDeepSeekCallsEnd);
  const std::string call = DeepSeekCall("f", "{\"a\": 1}");
  Expect(AnswerFormat::kDeepSeekR1,
         "<think>x</think>\n\nOk\n" + begin + call + "\n" +
             DeepSeekCall("查", "{}") + end + "\n",
         R"(R[x]T[Ok]C0[f {"a": 1}]C1[查 {}])");
  Expect(AnswerFormat::kDeepSeekR1, call + "tail", R"(C0[f {"a": 1}]T[tail])");
  Expect(AnswerFormat::kDeepSeekR1, "a " + begin + " \n" + begin + call,
         "T[a " + begin + "]C0[f {\"a\": 1}]");
  for (const std::string& text :
       {begin + end, begin + " x", DeepSeekCall("", "{}"),
        DeepSeekCall("f", "[]"), DeepSeekCall("f", "{\"a\":}"),
        call.substr(0, call.find("```")), begin + "  ", end}) {
    Expect(AnswerFormat::kDeepSeekR1, text, "T[" + text + "]");
  }
}

TEST(AnswerParserTest, WithoutToolsCallsAreText) {
  ExpectHoweverCut({.format = AnswerFormat::kQwen3, .tools = false},
                   "<think>a</think> " + std::string(kCall),
                   "R[a]T[" + std::string(kCall) + "]");
  ExpectHoweverCut({.format = AnswerFormat::kLlama3, .tools = false},
                   R"({"name":"f","parameters":{}})",
                   R"(T[{"name":"f","parameters":{}}])");
}

TEST(AnswerParserTest, CallsPastALimitAreText) {
  const std::string call(kCall);
  AnswerParserOptions options = {.format = AnswerFormat::kHermes};
  options.limits.max_call_bytes = call.size();
  ExpectHoweverCut(options, call, R"(C0[f {"a":1}])");
  options.limits.max_call_bytes = call.size() - 1;
  ExpectHoweverCut(options, call, "T[" + call + "]");
  options.limits = {};
  options.limits.max_calls = 1;
  ExpectHoweverCut(options, call + " " + call,
                   R"(C0[f {"a":1}]T[)" + call + "]");
  options.limits = {};
  options.limits.max_depth = 1;
  ExpectHoweverCut(options, call, "T[" + call + "]");
}

TEST(AnswerParserTest, LongRunsOfWhiteSpaceAreText) {
  const std::string most(64, '\n');
  Expect(AnswerFormat::kHermes, "a" + most + std::string(kCall),
         R"(T[a]C0[f {"a":1}])");
  // All of such a run, also what follows its limit.
  for (const std::string past : {" ", "  ", " \n \n"}) {
    Expect(AnswerFormat::kHermes, "a" + most + past + std::string(kCall),
           "T[a" + most + past + R"(]C0[f {"a":1}])");
  }
}

TEST(AnswerParserTest, TextWaitsOnlyForWhatMayBeAMarker) {
  AnswerParser parser({.format = AnswerFormat::kQwen3});
  EXPECT_EQ(parser.Push("Hello").size(), 1u);
  EXPECT_EQ(parser.held_bytes(), 0u);
  EXPECT_TRUE(parser.Push(" <tool").empty());
  EXPECT_EQ(parser.held_bytes(), 6u);
  EXPECT_EQ(parser.Push("s").size(), 1u);
  EXPECT_EQ(parser.held_bytes(), 0u);
}

TEST(AnswerParserTest, NoMoreIsHeldThanACallMayHave) {
  AnswerParserOptions options = {.format = AnswerFormat::kHermes};
  AnswerParser parser(options);
  parser.Push("<tool_call>{\"name\":\"");
  const std::string more(4096, 'x');
  for (int i = 0; i < 64; ++i) {
    parser.Push(more);
    ASSERT_LE(parser.held_bytes(), options.limits.max_call_bytes);
  }
  EXPECT_EQ(parser.held_bytes(), 0u);
}

TEST(AnswerFormatTest, NamesAreReadBack) {
  for (std::string_view name :
       {"plain", "hermes", "qwen3", "youtu", "llama3", "deepseek-r1"}) {
    const auto format = AnswerFormatByName(name);
    ASSERT_TRUE(format.has_value()) << name;
    EXPECT_EQ(AnswerFormatName(*format), name);
  }
  EXPECT_FALSE(AnswerFormatByName("qwen").has_value());
}

TEST(AnswerFormatTest, NoMarkerHoldsASecondBracket) {
  for (AnswerFormat format :
       {AnswerFormat::kHermes, AnswerFormat::kQwen3, AnswerFormat::kYoutu,
        AnswerFormat::kLlama3, AnswerFormat::kDeepSeekR1}) {
    for (std::string_view marker : MarkersOf(format)) {
      EXPECT_EQ(marker.rfind('<'), 0u) << marker;
    }
  }
}

TEST(AnswerFormatTest, APromptThatEndsInTheMarkerOpensTheReasoning) {
  EXPECT_TRUE(PromptOpensReasoning("<|Assistant|><think>\n"));
  EXPECT_TRUE(PromptOpensReasoning("<think>"));
  EXPECT_FALSE(PromptOpensReasoning("<think>\n\n</think>\n\n"));
  EXPECT_FALSE(PromptOpensReasoning("\n"));
}

}  // namespace
}  // namespace sluice::gateway
