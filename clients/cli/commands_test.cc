#include "clients/cli/commands.h"

#include <gtest/gtest.h>

#include <sstream>

namespace sluice::cli {
namespace {

std::optional<FlagInfo> TestFlags(std::string_view name) {
  if (name == "json" || name == "chat") {
    return FlagInfo{name == "chat" ? "true" : "false", "a switch", true};
  }
  if (name == "server") return FlagInfo{"host:1", "where to call", false};
  return FlagInfo{"",
                  "some value that takes more words to explain than one "
                  "line of the page has room for",
                  false};
}

TEST(CommandsTest, OverviewNamesEveryCommand) {
  const std::string page = OverviewPage();
  for (const Command& command : Commands()) {
    EXPECT_NE(page.find("\n  " + std::string(command.name) + " "),
              std::string::npos)
        << command.name;
  }
}

TEST(CommandsTest, PagesNameEveryFlagAndFitTheTerminal) {
  for (const Command& command : Commands()) {
    const std::string page = CommandPage(command, TestFlags);
    for (const std::string_view flag : command.flags) {
      EXPECT_NE(page.find("  --" + std::string(flag)), std::string::npos);
    }
    std::istringstream lines(page);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(line.size(), 80) << line;
    }
  }
  EXPECT_NE(CommandPage(*FindCommand("health"), TestFlags)
                .find("  --server                where to call [host:1]\n"),
            std::string::npos);
}

TEST(CommandsTest, FlagsOfOtherCommandsAreRefused) {
  const Command& generate = *FindCommand("generate");
  const auto check = [&generate](std::vector<std::string> arguments) {
    return CheckFlags(generate, arguments, TestFlags);
  };
  EXPECT_TRUE(
      check({"--server=x", "--json", "--nochat", "-seed=1", "hi"}).ok());
  EXPECT_TRUE(check({"--seed", "-1", "hi"}).ok());
  EXPECT_TRUE(check({"--", "--exec=x"}).ok());
  EXPECT_TRUE(check({"a", "-", "b"}).ok());
  for (const char* wrong :
       {"--exec=x", "--frob", "--noserver", "-5", "--flagfile=/etc/passwd"}) {
    const absl::Status status = check({wrong, "hi"});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << wrong;
    EXPECT_NE(status.message().find(wrong), absl::string_view::npos);
  }
  EXPECT_FALSE(check({"--json", "--exec=x"}).ok());
}

TEST(CommandsTest, HelpIsWantedOnlyBeforeTheText) {
  EXPECT_TRUE(WantsHelp({"generate", "--help"}));
  EXPECT_TRUE(WantsHelp({"generate", "-h"}));
  EXPECT_FALSE(WantsHelp({"generate", "--", "--help"}));
  EXPECT_FALSE(WantsHelp({"generate", "help"}));
}

TEST(CommandsTest, StopsAreSplitAtCommasAndUnescaped) {
  const auto split = [](std::string_view text) {
    std::vector<std::string> stops;
    EXPECT_TRUE(SplitStops(text, stops).ok());
    return stops;
  };
  using Stops = std::vector<std::string>;
  EXPECT_EQ(split(""), Stops());
  EXPECT_EQ(split("a"), Stops({"a"}));
  EXPECT_EQ(split(R"(a,b\,c,\n\t\\)"), Stops({"a", "b,c", "\n\t\\"}));
  Stops stops;
  EXPECT_FALSE(SplitStops(R"(a\)", stops).ok());
  EXPECT_FALSE(SplitStops(R"(\x)", stops).ok());
}

}  // namespace
}  // namespace sluice::cli
