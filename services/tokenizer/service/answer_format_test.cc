#include "services/tokenizer/service/answer_format.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/testing/test_files.h"

namespace sluice::tokenizer {
namespace {

// With the token that Llama-3 begins calls of built-in tools with, or not.
Vocabulary Words(bool python_tag) {
  std::vector<VocabularyEntry> entries = {{.bytes = "a"}};
  if (python_tag) entries.push_back({"<|python_tag|>", /*special=*/true});
  auto vocabulary = Vocabulary::Create(std::move(entries), {});
  SLUICE_CHECK(vocabulary.ok(), "two words are a vocabulary");
  return *std::move(vocabulary);
}

AnswerHabits Detect(const std::string& source, bool python_tag = false) {
  const TempDir directory;
  directory.Write("chat_template.jinja", source);
  const auto chat = ChatRenderer::FromDirectory(directory.path());
  SLUICE_CHECK(chat.ok(), "a template of this test loads");
  return DetectAnswerHabits(**chat, {source}, Words(python_tag));
}

// Renders calls with what stands before and behind each.
std::string Calls(const std::string& before, const std::string& arguments,
                  const std::string& after) {
  return "{{ tools | tojson if tools else '' }}{% for m in messages %}"
         "{% for c in m.tool_calls or [] %}" +
         before + "{\"name\": \"{{ c.function.name }}\", \"" + arguments +
         "\": {{ c.function.arguments | tojson }}}" + after +
         "{% endfor %}{% endfor %}";
}

TEST(AnswerFormatTest, IsHowTheTemplateWritesACall) {
  const std::string hermes =
      Calls("<tool_call>\n", "arguments", "\n</tool_call>");
  EXPECT_EQ(Detect(hermes).format, "hermes");
  EXPECT_EQ(Detect(hermes + "{# <think> #}").format, "qwen3");
  const std::string tight = Calls("<tool_call>", "arguments", "</tool_call>");
  EXPECT_EQ(Detect(tight).format, "youtu");
  const std::string bare = Calls("", "parameters", "");
  EXPECT_EQ(Detect(bare, /*python_tag=*/true).format, "llama3");
  for (const std::string& source : {hermes, tight}) {
    EXPECT_TRUE(Detect(source).shows_tools);
    EXPECT_TRUE(Detect(source).writes_calls);
  }
}

TEST(AnswerFormatTest, OtherCallsAreNoneOfOurs) {
  EXPECT_EQ(Detect(Calls("", "parameters", "")).format, "plain");
  EXPECT_EQ(Detect(Calls("[TOOL_CALLS]", "arguments", "")).format, "plain");
  EXPECT_EQ(Detect(Calls("<tool_call>", "args", "</tool_call>")).format,
            "plain");
  EXPECT_FALSE(Detect(Calls("", "parameters", "")).writes_calls);
}

TEST(AnswerFormatTest, ATemplateThatOnlyThinksHasNoCalls) {
  const AnswerHabits habits = Detect("{{ messages[0].content }}<think>");
  EXPECT_EQ(habits.format, "deepseek-r1");
  EXPECT_FALSE(habits.writes_calls);
  EXPECT_FALSE(habits.shows_tools);
}

TEST(AnswerFormatTest, ADirectoryWithoutATemplateIsPlain) {
  const TempDir directory;
  const auto chat = ChatRenderer::FromDirectory(directory.path());
  ASSERT_TRUE(chat.ok()) << chat.status();
  const AnswerHabits habits = DetectAnswerHabits(**chat, {}, Words(true));
  EXPECT_EQ(habits.format, "plain");
  EXPECT_FALSE(habits.shows_tools);
}

struct Published {
  const char* file;
  const char* format;
  bool tools;  // shown by the template and called in a form that we read
};

constexpr Published kPublished[] = {
    {"chat-templates/Qwen-Qwen2.5-7B-Instruct.jinja", "hermes", true},
    {"chat-templates/Qwen-Qwen3-0.6B.jinja", "qwen3", true},
    {"chat-templates/Qwen-QwQ-32B.jinja", "qwen3", true},
    {"chat-templates/NousResearch-Hermes-3-Llama-3.1-8B-tool_use.jinja",
     "hermes", true},
    {"chat-templates/meta-llama-Llama-3.1-8B-Instruct.jinja", "llama3", true},
    {"chat-templates/meta-llama-Llama-3.2-3B-Instruct.jinja", "llama3", true},
    {"chat-templates/deepseek-ai-DeepSeek-R1-Distill-Qwen-32B.jinja",
     "deepseek-r1", false},
    {"chat-templates/deepseek-ai-DeepSeek-R1-Distill-Llama-8B.jinja",
     "deepseek-r1", false},
    {"chat-templates/mistralai-Mistral-Nemo-Instruct-2407.jinja", "plain",
     false},
    {"chat-templates/google-gemma-2-2b-it.jinja", "plain", false},
    {"chat-templates/microsoft-Phi-3.5-mini-instruct.jinja", "plain", false},
    {"chat-templates/Qwen3-Coder.jinja", "plain", false},
    {"youtu-llm-2b/chat_template.jinja", "youtu", true}};

TEST(AnswerFormatTest, PublishedTemplatesAreRecognised) {
  for (const Published& model : kPublished) {
    const auto path = GoldenPath(std::string("tokenizers/") + model.file);
    if (!path.has_value()) {
      GTEST_SKIP() << "SLUICE_TESTDATA has no " << model.file;
    }
    std::ifstream file(*path, std::ios::binary);
    const AnswerHabits habits =
        Detect(std::string(std::istreambuf_iterator<char>(file), {}),
               /*python_tag=*/true);
    EXPECT_EQ(habits.format, model.format) << model.file;
    EXPECT_EQ(habits.shows_tools && habits.writes_calls, model.tools)
        << model.file;
  }
}

}  // namespace
}  // namespace sluice::tokenizer
