#include "services/generator/torch/trainer/id_file.h"

#include <fstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::generator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Marks 90 91 begin an answer, 92 ends it, 93 ends the text.
class IdFileTest : public ::testing::Test {
 protected:
  void Write(const std::vector<uint16_t>& ids, const std::string& offsets,
             int vocabulary = 100) {
    std::ofstream(prefix_ + ".u16", std::ios::binary)
        .write(reinterpret_cast<const char*>(ids.data()),
               static_cast<std::streamsize>(2 * ids.size()));
    std::ofstream(prefix_ + ".json")
        << absl::StrCat("{\"vocabulary_size\": ", vocabulary,
                        ", \"end_of_text\": 93, \"answer_begin\": [90, 91], "
                        "\"answer_end\": 92, \"document_offsets\": ",
                        offsets, "}");
  }

  const std::string prefix_ = absl::StrCat(
      ::testing::TempDir(), "/ids_",
      ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(IdFileTest, FindsDocumentsAndAnswersWithTheirEnd) {
  Write({1, 90, 91, 5, 6, 92, 2, 90, 91, 7, 92, 93, 90, 3, 93}, "[0, 12, 15]");
  const auto file = IdFile::Read(prefix_);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->documents(), 2);
  EXPECT_EQ(file->tokens(), 15);
  EXPECT_EQ(file->end_of_text(), 93);
  EXPECT_THAT(file->document(1), ElementsAre(90, 3, 93));
  const auto answers = file->Answers(0);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].begin, 3);
  EXPECT_EQ(answers[0].end, 6);
  EXPECT_EQ(answers[1].begin, 9);
  EXPECT_EQ(answers[1].end, 11);
  EXPECT_TRUE(file->Answers(1).empty());
}

TEST_F(IdFileTest, AnswerWithoutEndRunsToTheEndOfTheDocument) {
  Write({90, 91, 5, 6}, "[0, 4]");
  const auto file = IdFile::Read(prefix_);
  ASSERT_TRUE(file.ok()) << file.status();
  const auto answers = file->Answers(0);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].end, 4);
}

TEST_F(IdFileTest, RefusesIdsPastTheVocabulary) {
  Write({1, 99}, "[0, 2]", 99);
  const auto file = IdFile::Read(prefix_);
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(file.status().message()),
              HasSubstr("id 99, vocabulary 99"));
}

TEST_F(IdFileTest, RefusesAnIndexThatDoesNotFitTheIds) {
  Write({1, 2, 3}, "[0, 2]");
  EXPECT_EQ(IdFile::Read(prefix_).status().code(),
            absl::StatusCode::kInvalidArgument);
  for (const char* offsets : {"[]", "[0]", "[1, 3]", "[0, 2, 1]", "[0, 1]"}) {
    Write({1, 2, 3}, offsets);
    EXPECT_EQ(IdFile::Read(prefix_).status().code(),
              absl::StatusCode::kInvalidArgument)
        << offsets;
  }
}

TEST_F(IdFileTest, MissingFilesAreNotFound) {
  EXPECT_EQ(IdFile::Read(prefix_ + "_none").status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace sluice::generator
