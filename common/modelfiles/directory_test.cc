#include "common/modelfiles/directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Directory : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/directory_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(path_); }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(path_ + "/" + name) << text;
  }
  std::string path_;
};

TEST_F(Directory, EosIdsAreTheUnionOfBothFiles) {
  Write("config.json", R"({"eos_token_id": 7})");
  Write("generation_config.json", R"({"eos_token_id": [9, 7, 3]})");
  EXPECT_THAT(*ReadEosIds(path_), ElementsAre(3, 7, 9));
}

TEST_F(Directory, EosIdsMayBeMissing) {
  EXPECT_THAT(*ReadEosIds(path_), IsEmpty());
  Write("config.json", R"({"eos_token_id": null})");
  EXPECT_THAT(*ReadEosIds(path_), IsEmpty());
}

TEST_F(Directory, ATurnOfSomebodyElseEndsOneOfChatGlm3) {
  Write("config.json", R"({"model_type": "chatglm", "eos_token_id": 2,
                           "padded_vocab_size": 65024})");
  EXPECT_THAT(*ReadEosIds(path_), ElementsAre(2, 64795, 64797));
  Write("config.json", R"({"model_type": "chatglm", "eos_token_id": [5, 6],
                           "padded_vocab_size": 151552})");
  EXPECT_THAT(*ReadEosIds(path_), ElementsAre(5, 6));
}

TEST_F(Directory, EosIdsOutOfRangeAreRefused) {
  Write("config.json", R"({"eos_token_id": [1, 16777216]})");
  absl::Status status = ReadEosIds(path_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("config.json: eos_token_id[1]: out of range, got "
                        "16777216"));
}

TEST_F(Directory, WholeFilesAreReadUpToTheLimit) {
  Write("a", "12345");
  EXPECT_EQ(*ReadWholeFile(path_ + "/a", 5), "12345");
  EXPECT_EQ(ReadWholeFile(path_ + "/a", 4).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(Directory, AFifoIsRefusedWithoutWaiting) {
  ASSERT_EQ(mkfifo((path_ + "/pipe").c_str(), 0600), 0);
  EXPECT_EQ(ReadWholeFile(path_ + "/pipe", 10).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sluice
