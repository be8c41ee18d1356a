#include "common/telemetry/log.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/concurrency/named_thread.h"

namespace sluice {
namespace {

using nlohmann::json;

class LogTest : public ::testing::Test {
 protected:
  std::vector<std::string> lines_;
};

TEST_F(LogTest, EachLineIsOneJsonObjectWithItsFields) {
  Logger log("test", LogLevel::kInfo,
             [this](std::string_view line) { lines_.emplace_back(line); });
  log.Info("call ended", {{"id", "a\"b\nc\xFF"},
                          {"count", 3},
                          {"ratio", 0.5},
                          {"nan", std::nan("")},
                          {"ok", true}});
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_EQ(lines_[0].find('\n'), std::string::npos);
  const json line = json::parse(lines_[0]);
  EXPECT_EQ(line["level"], "info");
  EXPECT_EQ(line["service"], "test");
  EXPECT_EQ(line["event"], "call ended");
  EXPECT_EQ(line["id"], "a\"b\nc\xEF\xBF\xBD");
  EXPECT_EQ(line["count"], 3);
  EXPECT_EQ(line["ratio"], 0.5);
  EXPECT_TRUE(line["nan"].is_null());
  EXPECT_EQ(line["ok"], true);
  EXPECT_EQ(line["time"].get<std::string>().size(),
            std::string("2026-01-02T03:04:05.678Z").size());
}

TEST_F(LogTest, LinesBelowTheLevelAreNotWritten) {
  Logger log("test", LogLevel::kWarning,
             [this](std::string_view line) { lines_.emplace_back(line); });
  log.Debug("a");
  log.Info("b");
  log.Warning("c");
  log.Error("d");
  ASSERT_EQ(lines_.size(), 2u);
  EXPECT_EQ(json::parse(lines_[0])["event"], "c");
  EXPECT_EQ(json::parse(lines_[1])["level"], "error");
}

TEST_F(LogTest, LongValuesAreCutToWhatIsStillJson) {
  Logger log("test", LogLevel::kInfo,
             [this](std::string_view line) { lines_.emplace_back(line); });
  std::string value(4095, 'a');
  value += "\xE4\xBD\xA0";  // the cut falls inside this character
  log.Info("long", {{"value", value}});
  EXPECT_EQ(json::parse(lines_[0])["value"],
            std::string(4095, 'a') + "\xEF\xBF\xBD");
}

TEST_F(LogTest, LinesOfManyThreadsNeverMix) {
  Logger log("test", LogLevel::kInfo,
             [this](std::string_view line) { lines_.emplace_back(line); });
  {
    std::vector<NamedThread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back("writer", [&log, t] {
        for (int i = 0; i < 200; ++i) log.Info("line", {{"thread", t}});
      });
    }
  }
  ASSERT_EQ(lines_.size(), 800u);
  for (const std::string& line : lines_) EXPECT_TRUE(json::accept(line));
}

TEST(ParseLogLevel, KnowsFourLevelsAndNamesTheFlag) {
  EXPECT_EQ(*ParseLogLevel("debug"), LogLevel::kDebug);
  EXPECT_EQ(*ParseLogLevel("error"), LogLevel::kError);
  EXPECT_EQ(std::string(ParseLogLevel("loud").status().message()),
            "log_level: unknown, got \"loud\", limit debug, info, warning or "
            "error");
}

}  // namespace
}  // namespace sluice
