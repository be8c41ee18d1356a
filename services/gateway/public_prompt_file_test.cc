#include "services/gateway/public_prompt_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"

namespace sluice::gateway {
namespace {

absl::StatusOr<std::vector<std::string>> Read(const std::string& text) {
  const std::string path = testing::TempDir() + "public_prompts_" +
                           std::to_string(::getpid()) + ".jsonl";
  EXPECT_TRUE(WriteFileAtomically(path, text).ok());
  return ReadPublicPrompts(path);
}

TEST(PublicPromptFile, HasOneJsonStringALine) {
  const auto prompts = Read("\"You are\\nkind.\"\n\n  \"\\u00e4\"\r\n");
  ASSERT_TRUE(prompts.ok()) << prompts.status();
  EXPECT_EQ(*prompts, (std::vector<std::string>{"You are\nkind.", "\xc3\xa4"}));
}

TEST(PublicPromptFile, NoPathMeansNoPrompts) {
  const auto prompts = ReadPublicPrompts("");
  ASSERT_TRUE(prompts.ok());
  EXPECT_TRUE(prompts->empty());
  EXPECT_EQ(ReadPublicPrompts("/nowhere/at/all").status().code(),
            absl::StatusCode::kNotFound);
}

TEST(PublicPromptFile, WhatIsNoPromptIsRefusedWithItsLine) {
  for (const std::string line :
       {"plain", "{\"a\":1}", "\"\"", "\"a\" \"b\"", "7"}) {
    const auto prompts = Read("\"fine\"\n" + line + "\n");
    EXPECT_EQ(prompts.status().code(), absl::StatusCode::kInvalidArgument)
        << line;
    EXPECT_NE(std::string(prompts.status().message()).find(":2"),
              std::string::npos)
        << prompts.status();
  }
  EXPECT_FALSE(Read("\"a\"\n\"a\"\n").ok());
  EXPECT_FALSE(Read("\"" + std::string(65'537, 'x') + "\"\n").ok());
  EXPECT_TRUE(Read("\"" + std::string(65'536, 'x') + "\"\n").ok());
  std::string many;
  for (int i = 0; i < 65; ++i) absl::StrAppend(&many, "\"p", i, "\"\n");
  EXPECT_FALSE(Read(many).ok());
}

}  // namespace
}  // namespace sluice::gateway
