#include "services/gateway/pipeline/answer_text.h"

#include <gtest/gtest.h>

#include <tuple>

#include "services/gateway/pipeline/fake_ports.h"

namespace sluice::gateway {
namespace {

using Call = std::tuple<int32_t, std::string, std::string, std::string>;

// What the Deltas of an answer add up to.
struct Said {
  std::string text = {};
  std::string reasoning = {};
  std::vector<Call> calls = {};

  bool operator==(const Said&) const = default;

  void Add(const std::vector<api::Delta>& deltas) {
    for (const api::Delta& delta : deltas) {
      // Never two kinds in one, never none.
      EXPECT_EQ(delta.text.empty() + delta.reasoning.empty() +
                    delta.tool_calls.empty(),
                2);
      EXPECT_EQ(delta.tokens, 0);
      text += delta.text;
      reasoning += delta.reasoning;
      for (const api::ToolCallDelta& call : delta.tool_calls) {
        calls.emplace_back(call.index, call.id, call.name, call.arguments_json);
      }
    }
  }
};

std::ostream& operator<<(std::ostream& out, const Said& said) {
  out << "text \"" << said.text << "\" reasoning \"" << said.reasoning << "\"";
  for (const auto& [index, id, name, arguments] : said.calls) {
    out << " call " << index << " " << id << " " << name << arguments;
  }
  return out;
}

// Bytes, and behind them markers that are special: 256 <tool_call>,
// 257 </tool_call>, 258 <think>, 259 </think>, 260 <end>.
std::shared_ptr<const Vocabulary> SpecialMarkers() {
  std::vector<VocabularyEntry> entries;
  for (int byte = 0; byte < 256; ++byte) {
    entries.push_back({.bytes = std::string(1, static_cast<char>(byte))});
  }
  for (const char* marker :
       {"<tool_call>", "</tool_call>", "<think>", "</think>", "<end>"}) {
    entries.push_back({.bytes = marker, .special = true});
  }
  auto vocabulary = Vocabulary::Create(std::move(entries), {});
  SLUICE_CHECK(vocabulary.ok(), "bytes and markers are a vocabulary");
  return std::make_shared<const Vocabulary>(*std::move(vocabulary));
}

AnswerWish Wish(AnswerFormat format, bool tools = true) {
  return {.form = {.format = format},
          .tools = tools,
          .reasoning = true,
          .call_id_prefix = "c"};
}

// The answer when its ids come in pieces of so many.
Said Read(const std::shared_ptr<const Vocabulary>& vocabulary,
          const AnswerWish& wish, const std::vector<int32_t>& ids, size_t step,
          int32_t trim_bytes = 0) {
  AnswerText answer(vocabulary, wish);
  Said said;
  const absl::Span<const int32_t> all = ids;
  size_t begin = 0;
  for (; begin + step < ids.size(); begin += step) {
    said.Add(answer.Push(all.subspan(begin, step)));
  }
  said.Add(answer.Finish(all.subspan(begin), trim_bytes));
  return said;
}

constexpr char kAnswer[] =
    "<think>\nhm, \u4f60\n</think>\n\nI look.\n<tool_call>\n"
    "{\"name\": \"find\", \"arguments\": {\"q\": \"\u4f60\"}}\n</tool_call>\n"
    "<tool_call>\n{\"name\": \"stop\", \"arguments\": {}}\n</tool_call>";

TEST(AnswerTextTest, ThoughtsAndCallsAreTypedHoweverTheIdsCome) {
  const Said expected{.text = "I look.",
                      .reasoning = "hm, \u4f60",
                      .calls = {{0, "c0", "find", "{\"q\": \"\u4f60\"}"},
                                {1, "c1", "stop", "{}"}}};
  const std::vector<int32_t> ids = IdsOf(kAnswer);
  for (size_t step = 1; step <= ids.size(); ++step) {
    EXPECT_EQ(Read(ByteVocabulary(), Wish(AnswerFormat::kQwen3), ids, step),
              expected)
        << step;
  }
}

TEST(AnswerTextTest, WithoutAWishOrAFormatTheTextStaysAsItIs) {
  const Said expected{.text = kAnswer};
  const std::vector<int32_t> ids = IdsOf(kAnswer);
  const AnswerWish none = {};
  const AnswerWish plain = Wish(AnswerFormat::kPlain);
  const AnswerWish no_tools = Wish(AnswerFormat::kHermes, /*tools=*/false);
  for (const AnswerWish& wish : {none, plain, no_tools}) {
    EXPECT_EQ(Read(ByteVocabulary(), wish, ids, 3), expected);
  }
  AnswerWish no_reasoning = Wish(AnswerFormat::kQwen3, /*tools=*/false);
  no_reasoning.reasoning = false;
  EXPECT_EQ(Read(ByteVocabulary(), no_reasoning, ids, 3), expected);
}

TEST(AnswerTextTest, SpecialMarkersAreReadWhereTheyAreAskedFor) {
  const auto vocabulary = SpecialMarkers();
  std::vector<int32_t> ids = {258, 'h', 'm', 259, 'a', 256};
  for (const int32_t id : IdsOf("{\"name\":\"f\",\"arguments\":{}}")) {
    ids.push_back(id);
  }
  ids.insert(ids.end(), {257, 260});
  AnswerWish wish = Wish(AnswerFormat::kQwen3);
  wish.form = MakeAnswerForm("qwen3", true, *vocabulary);
  ASSERT_EQ(wish.form.special_markers.size(), 4u);
  for (size_t step = 1; step <= ids.size(); ++step) {
    EXPECT_EQ(Read(vocabulary, wish, ids, step),
              (Said{"a", "hm", {{0, "c0", "f", "{}"}}}))
        << step;
  }
  // Without tools their markers are left out of the text, as ever.
  wish.tools = false;
  EXPECT_EQ(Read(vocabulary, wish, ids, 2),
            (Said{"a{\"name\":\"f\",\"arguments\":{}}", "hm", {}}));
  EXPECT_EQ(Read(vocabulary, {}, ids, 2),
            (Said{.text = "hma{\"name\":\"f\",\"arguments\":{}}"}));
}

TEST(AnswerTextTest, AStopCutsTheMarkersBehindItAsWell) {
  const auto vocabulary = SpecialMarkers();
  AnswerWish wish = Wish(AnswerFormat::kHermes);
  wish.form = MakeAnswerForm("hermes", true, *vocabulary);
  const auto read = [&](std::vector<int32_t> ids, int32_t trim_bytes) {
    return Read(vocabulary, wish, ids, ids.size(), trim_bytes).text;
  };
  // The stop "bc" came around the marker: the Generator cuts "bcd".
  EXPECT_EQ(read({'a', 'b', 256, 'c', 'd'}, 3), "a");
  EXPECT_EQ(read({'a', 256, 'b', 257, 'c', 260, 'd'}, 3), "a<tool_call>");
  // It came behind the marker, which stays what it was: no call.
  EXPECT_EQ(read({'a', 256, 'c', 'd'}, 2), "a<tool_call>");
  EXPECT_EQ(read({'a', 256}, 0), "a<tool_call>");
}

TEST(AnswerTextTest, APromptMayOpenTheThoughts) {
  for (const bool opened : {true, false}) {
    AnswerText answer(ByteVocabulary(), Wish(AnswerFormat::kDeepSeekR1));
    answer.OnPrompt(IdsOf(opened ? "x<think>\n" : "x<think></think>\n\n"));
    Said said;
    said.Add(answer.Push(IdsOf("hm</think>yes")));
    said.Add(answer.Finish({}, 0));
    EXPECT_EQ(said, opened ? (Said{"yes", "hm", {}})
                           : (Said{.text = "hm</think>yes"}));
  }
}

TEST(AnswerFormTest, OnlyKnownFormatsHaveTools) {
  const auto vocabulary = ByteVocabulary();
  EXPECT_TRUE(MakeAnswerForm("llama3", true, *vocabulary).takes_tools);
  EXPECT_FALSE(MakeAnswerForm("llama3", false, *vocabulary).takes_tools);
  for (const char* name : {"plain", "", "of-a-later-version"}) {
    const AnswerForm form = MakeAnswerForm(name, true, *vocabulary);
    EXPECT_EQ(form.format, AnswerFormat::kPlain) << name;
    EXPECT_FALSE(form.takes_tools) << name;
  }
}

}  // namespace
}  // namespace sluice::gateway
