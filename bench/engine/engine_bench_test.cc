#include "bench/engine/engine_bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "bench/engine/engine_case.h"
#include "services/generator/make_random_model.h"

namespace sluice::bench {
namespace {

using testing::HasSubstr;

TEST(EngineCase, NamesSayWhatIsMeasured) {
  const auto cases = ParseCases("pp512,tg64@1024,b8@128");
  ASSERT_TRUE(cases.ok()) << cases.status();
  ASSERT_EQ(cases->size(), 3u);
  EXPECT_EQ((*cases)[0].tokens(), 512);
  EXPECT_EQ((*cases)[0].room(), 512);
  EXPECT_EQ((*cases)[1].tokens(), 64);
  EXPECT_EQ((*cases)[1].room(), 1088);
  EXPECT_EQ((*cases)[2].tokens(), 8 * 16);
  EXPECT_EQ((*cases)[2].sequences, 8);
}

TEST(EngineCase, OtherNamesAreRefused) {
  for (const char* name : {"", "pp", "pp0", "pp-1", "tg64@", "tg64@0", "b8@1@2",
                           "x8", "pp5x", "b999999"}) {
    EXPECT_EQ(ParseCase(name).status().code(),
              absl::StatusCode::kInvalidArgument)
        << name;
  }
}

class ServeEngineBenchTest : public testing::Test {
 protected:
  ServeEngineBenchTest() {
    generator::RandomModelOptions options;
    options.out = testing::TempDir() + "/engine-bench-" +
                  testing::UnitTest::GetInstance()->current_test_info()->name();
    options.overwrite = true;
    made_ = generator::MakeRandomModel(options);
    options_.model = options.out;
    options_.native.threads = 2;
    options_.probe = false;
    options_.cases = "pp40,tg3@8,b3@5";
  }
  ~ServeEngineBenchTest() override {
    std::filesystem::remove_all(options_.model);
  }
  void SetUp() override { ASSERT_TRUE(made_.ok()) << made_; }

  std::vector<std::string> Lines(const std::string& requests) {
    std::istringstream in(requests);
    std::ostringstream out;
    status_ = ServeEngineBench(options_, in, out);
    std::vector<std::string> lines;
    std::istringstream answers(out.str());
    for (std::string line; std::getline(answers, line);) lines.push_back(line);
    return lines;
  }

  absl::Status made_, status_;
  EngineBenchOptions options_;
};

TEST_F(ServeEngineBenchTest, AnswersEachLineWithWhatItMeasured) {
  const auto lines = Lines("pp40\ntg3@8\ntg3@8\nb3@5\n");
  ASSERT_TRUE(status_.ok()) << status_;
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_THAT(lines[0], HasSubstr("\"threads\":2,"));
  EXPECT_THAT(lines[1], HasSubstr("\"case\":\"pp40\""));
  EXPECT_THAT(lines[1], HasSubstr("\"tokens\":40,"));
  EXPECT_THAT(lines[2], HasSubstr("\"tokens\":3,"));
  EXPECT_THAT(lines[3], HasSubstr("\"tokens\":3,"));
  EXPECT_THAT(lines[4], HasSubstr("\"tokens\":48,"));
}

TEST_F(ServeEngineBenchTest, RefusesWhatItsBlocksCannotHold) {
  const auto lines = Lines("pp40\nb8@1024\n");
  EXPECT_EQ(lines.size(), 2u);
  EXPECT_EQ(status_.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status_.message()), HasSubstr("too many blocks"));
}

}  // namespace
}  // namespace sluice::bench
