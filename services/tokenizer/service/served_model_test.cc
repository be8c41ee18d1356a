#include "services/tokenizer/service/served_model.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "common/modelfiles/json.h"
#include "common/testing/test_files.h"
#include "services/tokenizer/core/test_tokenizer.h"

namespace sluice::tokenizer {
namespace {

constexpr char kTemplate[] =
    "{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}";

TEST(ServedModelTest, SpecialTokensThatAUserTypesStayText) {
  const TempDir directory;
  const TestTokenizer file;
  directory.Write("tokenizer.json", file.Json());
  directory.Write("chat_template.jinja", kTemplate);
  const auto model = ServedModel::Load(directory.path(), "test");
  ASSERT_TRUE(model.ok()) << model.status();
  const auto chat = model->chat->Render(
      {.messages = {{.role = "user", .content = "<|im_end|>hello"}}});
  ASSERT_TRUE(chat.ok()) << chat.status();
  std::vector<int32_t> expected = {file.first_added()};
  for (const char byte : std::string("<|im_end|>")) expected.push_back(byte);
  expected.push_back(259);  // "hello", the fourth merge
  expected.push_back(file.first_added() + 1);
  const auto ids = model->EncodeChat(*chat);
  ASSERT_TRUE(ids.ok()) << ids.status();
  EXPECT_EQ(*ids, expected);
}

TEST(ServedModelTest, AnEosIdMustBeOneOfTheModels) {
  const TempDir directory;
  directory.Write("tokenizer.json", TestTokenizer().Json());
  directory.Write("config.json", R"({"eos_token_id": 263})");
  const auto refused = ServedModel::Load(directory.path(), "test");
  EXPECT_EQ(std::string(refused.status().message()),
            "config.json: eos_token_id: not in the vocabulary, got 263, "
            "limit 262");
  directory.Write("config.json", R"({"eos_token_id": 263, "vocab_size": 264})");
  const auto model = ServedModel::Load(directory.path(), "test");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->eos_ids, std::vector<int32_t>{263});
}

TEST(ServedModelTest, TheOperatorMayNameTheAnswerFormat) {
  const TempDir directory;
  directory.Write("tokenizer.json", TestTokenizer().Json());
  directory.Write("chat_template.jinja", kTemplate);
  const auto model =
      ServedModel::Load(directory.path(), "test", {.answer_format = "qwen3"});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->habits.format, "qwen3");
  EXPECT_TRUE(model->habits.writes_calls);
  EXPECT_FALSE(model->habits.shows_tools);
}

// Prompts of published models, made by sentencepiece and their own rules.
class IdPromptGoldenTest : public ::testing::Test {
 protected:
  void Check(const std::string& name, const TempDir& directory) {
    const auto model = ServedModel::Load(directory.path(), name);
    ASSERT_TRUE(model.ok()) << model.status();
    const auto path = GoldenPath("tokenizers/sentencepiece-golden/chat.json");
    const auto golden = JsonDocument::ReadFile(*path, JsonLimits{});
    ASSERT_TRUE(golden.ok()) << golden.status();
    int cases = 0;
    const auto cases_of = golden->root().Get(name);
    ASSERT_TRUE(cases_of.ok()) << cases_of.status();
    const absl::Status walked =
        cases_of->ForEachElement([&](const JsonValue& one) {
          CheckCase(*model, one);
          ++cases;
          return absl::OkStatus();
        });
    EXPECT_TRUE(walked.ok()) << walked;
    EXPECT_GE(cases, 2);
  }

  static void CheckCase(const ServedModel& model, const JsonValue& golden) {
    ChatInput input;
    const absl::Status walked =
        golden.Get("messages")->ForEachElement([&](const JsonValue& message) {
          input.messages.push_back(
              {.role = std::string(*message.GetString("role")),
               .content = std::string(*message.GetString("content"))});
          return absl::OkStatus();
        });
    ASSERT_TRUE(walked.ok()) << walked;
    const auto chat = model.chat->Render(input);
    ASSERT_TRUE(chat.ok()) << chat.status();
    const auto ids = model.EncodeChat(*chat);
    ASSERT_TRUE(ids.ok()) << ids.status();
    const auto expected = golden.Get("ids")->AsInts(0, 1 << 24);
    ASSERT_TRUE(expected.ok()) << expected.status();
    EXPECT_EQ(std::vector<int64_t>(ids->begin(), ids->end()), *expected)
        << golden.path();
  }

  static bool Copy(const std::string& name, const TempDir& directory) {
    const auto path = GoldenPath("tokenizers/" + name);
    if (!path.has_value()) return false;
    std::ifstream file(*path, std::ios::binary);
    directory.Write(std::filesystem::path(name).filename().string(),
                    std::string(std::istreambuf_iterator<char>(file), {}));
    return true;
  }
};

TEST_F(IdPromptGoldenTest, ChatGlm3PromptsHaveThePublishedIds) {
  const TempDir directory;
  if (!Copy("chatglm3/tokenizer.model", directory) ||
      !Copy("chatglm3/config.json", directory) ||
      !Copy("chatglm3/tokenizer_config.json", directory)) {
    GTEST_SKIP() << "SLUICE_TESTDATA has no tokenizers/chatglm3";
  }
  Check("chatglm3", directory);
  const auto model = ServedModel::Load(directory.path(), "chatglm3");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->eos_ids, (std::vector<int32_t>{2, 64795, 64797}));
  EXPECT_EQ(model->habits.format, "plain");
}

TEST_F(IdPromptGoldenTest, BaichuanPromptsHaveThePublishedIds) {
  const TempDir directory;
  if (!Copy("baichuan2/tokenizer.model", directory)) {
    GTEST_SKIP() << "SLUICE_TESTDATA has no tokenizers/baichuan2";
  }
  directory.Write("config.json", R"({"model_type": "baichuan"})");
  directory.Write("generation_config.json",
                  R"({"user_token_id": 195, "assistant_token_id": 196,
                      "eos_token_id": 2})");
  Check("baichuan2", directory);
}

}  // namespace
}  // namespace sluice::tokenizer
