#include "common/base/flag_reference.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/flags/parse.h"

namespace sluice {
namespace {

constexpr char kHead[] =
    "## sluice-fake\n\n| Flag | Type | Default | Meaning "
    "|\n|---|---|---|---|\n";

// The library that parses flags brings four of its own, from parse.cc.
TEST(FlagReference, ListsTheFlagsOfTheNamedFileSortedByName) {
  char program[] = "fake";
  char* arguments[] = {program, nullptr};
  absl::ParseCommandLine(1, arguments);
  const std::string page =
      FlagReferenceMarkdown("sluice-fake", "flags/parse.cc");
  EXPECT_TRUE(page.starts_with(kHead)) << page;
  size_t last = 0;
  for (const char* row : {"| `--flagfile` | list |  | ", "| `--fromenv` | list",
                          "| `--tryfromenv` | list", "| `--undefok` | list"}) {
    const size_t at = page.find(row);
    ASSERT_NE(at, std::string::npos) << row << " in\n" << page;
    EXPECT_GT(at, last);
    last = at;
  }
}

TEST(FlagReference, LeavesOutTheFlagsOfOtherFiles) {
  EXPECT_EQ(FlagReferenceMarkdown("sluice-fake"), kHead);
}

}  // namespace
}  // namespace sluice
