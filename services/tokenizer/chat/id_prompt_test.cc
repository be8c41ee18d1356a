#include "services/tokenizer/chat/id_prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/testing/test_files.h"

namespace sluice::tokenizer {
namespace {

using ::testing::HasSubstr;

constexpr char kChatGlm[] =
    R"({"model_type": "chatglm", "padded_vocab_size": 65024})";
constexpr char kTextTemplate[] =
    R"({"chat_template": "{{ messages[0].content }} as a text"})";
constexpr char kBaichuan[] = R"({"model_type": "baichuan"})";
constexpr char kBaichuanIds[] =
    R"({"user_token_id": 195, "assistant_token_id": 196})";

std::unique_ptr<ChatRenderer> Load(const TempDir& model) {
  auto renderer = ChatRenderer::FromDirectory(model.path());
  EXPECT_TRUE(renderer.ok()) << renderer.status();
  return *std::move(renderer);
}

std::unique_ptr<ChatRenderer> ChatGlm() {
  const TempDir model;
  model.Write("config.json", kChatGlm);
  model.Write("tokenizer_config.json", kTextTemplate);
  return Load(model);
}

std::unique_ptr<ChatRenderer> Baichuan() {
  const TempDir model;
  model.Write("config.json", kBaichuan);
  model.Write("generation_config.json", kBaichuanIds);
  return Load(model);
}

// Ids as numbers, texts in brackets.
std::string Shown(const RenderedChat& chat) {
  std::string out;
  for (const Segment& segment : chat.segments) {
    out += segment.id.has_value() ? std::to_string(*segment.id)
                                  : "[" + segment.text + "]";
    out += ' ';
  }
  return out;
}

std::string Render(const ChatRenderer& renderer, const ChatInput& input) {
  const auto chat = renderer.Render(input);
  if (!chat.ok()) return std::string(chat.status().message());
  EXPECT_TRUE(chat->texts_stand_alone);
  return Shown(*chat);
}

ChatInput Chat(std::vector<ChatMessage> messages) {
  return {.messages = std::move(messages)};
}

TEST(IdPromptTest, ChatGlm3GivesEveryRoleItsIdAndANewline) {
  const auto renderer = ChatGlm();
  EXPECT_EQ(Render(*renderer, Chat({{.role = "system", .content = "S"},
                                    {.role = "user", .content = "U"},
                                    {.role = "assistant", .content = "A"},
                                    {.role = "tool", .content = "T"}})),
            "64790 64792 64794 [\n] [S] 64795 [\n] [U] 64796 [\n] [A] "
            "64797 [\n] [T] 64796 ");
}

TEST(IdPromptTest, TheGenerationPromptCanBeLeftOut) {
  ChatInput input = Chat({{.role = "user", .content = "U"}});
  input.add_generation_prompt = false;
  EXPECT_EQ(Render(*ChatGlm(), input), "64790 64792 64795 [\n] [U] ");
  EXPECT_EQ(Render(*Baichuan(), input), "195 [U] ");
}

TEST(IdPromptTest, RoleMarkersInContentAreTheUsersText) {
  const auto chat =
      ChatGlm()->Render(Chat({{.role = "user", .content = "<|system|>"}}));
  ASSERT_TRUE(chat.ok()) << chat.status();
  EXPECT_EQ(Shown(*chat), "64790 64792 64795 [\n] [<|system|>] 64796 ");
  EXPECT_FALSE(chat->segments[4].literal);
  EXPECT_EQ(chat->Text(), "[gMASK]sop<|user|>\n<|system|><|assistant|>");
}

TEST(IdPromptTest, AChatTemplateFileWinsOverChatGlm3sIds) {
  const TempDir model;
  model.Write("config.json", kChatGlm);
  model.Write("tokenizer_config.json", kTextTemplate);
  model.Write("chat_template.jinja", "file");
  const auto chat =
      Load(model)->Render(Chat({{.role = "user", .content = "U"}}));
  ASSERT_TRUE(chat.ok()) << chat.status();
  EXPECT_EQ(chat->Text(), "file");
  EXPECT_FALSE(chat->texts_stand_alone);
}

TEST(IdPromptTest, OtherModelsOfThatTypeKeepTheirTemplate) {
  const TempDir glm4;
  glm4.Write("config.json",
             R"({"model_type": "chatglm", "padded_vocab_size": 151552})");
  glm4.Write("tokenizer_config.json", kTextTemplate);
  EXPECT_EQ(
      Load(glm4)->Render(Chat({{.role = "user", .content = "U"}}))->Text(),
      "U as a text");
  const TempDir chatglm2;
  chatglm2.Write("config.json", kChatGlm);
  EXPECT_FALSE(Load(chatglm2)->has_template());
}

TEST(IdPromptTest, BaichuanTakesItsIdsFromTheGenerationConfig) {
  const auto renderer = Baichuan();
  EXPECT_EQ(Render(*renderer, Chat({{.role = "system", .content = "S"},
                                    {.role = "user", .content = "U"},
                                    {.role = "assistant", .content = "A"},
                                    {.role = "user", .content = "V"}})),
            "[S] 195 [U] 196 [A] 195 [V] 196 ");
  EXPECT_EQ(Render(*renderer, Chat({{.role = "user", .content = "U"},
                                    {.role = "assistant", .content = "A"}})),
            "195 [U] 196 [A] ");
}

TEST(IdPromptTest, BaichuanBaseModelsHaveNoChatForm) {
  const TempDir model;
  model.Write("config.json", kBaichuan);
  EXPECT_FALSE(Load(model)->has_template());
  model.Write("generation_config.json", R"({"eos_token_id": 2})");
  EXPECT_FALSE(Load(model)->has_template());
}

TEST(IdPromptTest, BrokenFilesAreRefusedByName) {
  for (const char* generation :
       {R"({"user_token_id": -1, "assistant_token_id": 196})",
        R"({"user_token_id": 195})", "{"}) {
    const TempDir model;
    model.Write("config.json", kBaichuan);
    model.Write("generation_config.json", generation);
    const auto renderer = ChatRenderer::FromDirectory(model.path());
    EXPECT_EQ(renderer.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(renderer.status().message()),
                HasSubstr("generation_config.json: "));
  }
}

TEST(IdPromptTest, WhatHasNoPlaceInThePromptIsRefusedByField) {
  const auto glm = ChatGlm();
  ChatInput input = Chat({{.role = "user", .content = "U"}});
  input.tools_json = R"([{"type": "function"}])";
  EXPECT_THAT(Render(*glm, input), HasSubstr("tools_json: "));
  input.tools_json = "[]";
  EXPECT_EQ(Render(*glm, input), "64790 64792 64795 [\n] [U] 64796 ");
  input.kwargs_json = R"({"__class__": 1})";
  EXPECT_THAT(Render(*glm, input), HasSubstr("template_kwargs_json: "));
  EXPECT_THAT(Render(*glm, Chat({{.role = "root", .content = "U"}})),
              HasSubstr("messages[0].role: "));
  EXPECT_THAT(Render(*glm, Chat({{.role = "user", .content = "\xff"}})),
              HasSubstr("messages[0].content: not valid UTF-8"));
  ChatMessage call{.role = "assistant"};
  call.tool_calls = {{.id = "1", .name = "f", .arguments_json = "{}"}};
  EXPECT_THAT(Render(*glm, Chat({call})), HasSubstr("messages[0].tool_calls"));
  EXPECT_THAT(Render(*glm, {}), HasSubstr("messages: none given"));
  EXPECT_THAT(Render(*Baichuan(), Chat({{.role = "user", .content = "U"},
                                        {.role = "system", .content = "S"}})),
              HasSubstr("messages[1].role: "));
}

}  // namespace
}  // namespace sluice::tokenizer
