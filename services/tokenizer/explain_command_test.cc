#include "services/tokenizer/explain_command.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/testing/test_files.h"
#include "services/tokenizer/core/test_tokenizer.h"

namespace sluice::tokenizer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ExplainTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const TempDir directory;
    directory.Write("tokenizer.json", TestTokenizer().Json());
    auto tokenizer = Tokenizer::FromDirectory(directory.path());
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    tokenizer_ = *std::move(tokenizer);
  }
  std::unique_ptr<Tokenizer> tokenizer_;
};

TEST_F(ExplainTest, ShowsPiecesBetweenBarsAndALineEach) {
  auto page = Explain(*tokenizer_, "hello<|im_end|>", false);
  ASSERT_TRUE(page.ok());
  EXPECT_THAT(*page, HasSubstr("hello|<|im_end|>\n"));
  EXPECT_THAT(*page, HasSubstr("259      0..5      \"hello\"\n"));
  EXPECT_THAT(*page, HasSubstr("\"<|im_end|>\"  special\n"));
  EXPECT_THAT(*page, HasSubstr("2 tokens, 15 bytes"));
  EXPECT_THAT(*page, Not(HasSubstr("\x1b")));
}

TEST_F(ExplainTest, ACharacterOfSeveralTokensIsShownWhole) {
  auto page = Explain(*tokenizer_, "\u00e9!", false);
  ASSERT_TRUE(page.ok());
  EXPECT_THAT(*page, HasSubstr("\u00e9||!\n"));
}

TEST_F(ExplainTest, ColoursForATerminal) {
  auto page = Explain(*tokenizer_, "hello", true);
  ASSERT_TRUE(page.ok());
  EXPECT_THAT(*page, HasSubstr("mhello\x1b[0m"));
}

TEST_F(ExplainTest, PiecesInColourAreTheTextAgain) {
  const std::string text = "hello w\u00e9\U0001F600 <|im_end|>";
  auto page = Explain(*tokenizer_, text, true);
  ASSERT_TRUE(page.ok());
  std::string shown = page->substr(0, page->find("\n\n"));
  for (size_t begin; (begin = shown.find('\x1b')) != std::string::npos;) {
    shown.erase(begin, shown.find('m', begin) + 1 - begin);
  }
  EXPECT_EQ(shown, text);
}

TEST_F(ExplainTest, NeighboursDifferInColour) {
  auto page = Explain(*tokenizer_, "abc", true);
  ASSERT_TRUE(page.ok());
  std::vector<std::string> colours;
  for (size_t at = page->find("\x1b[30"); at != std::string::npos;
       at = page->find("\x1b[30", at + 1)) {
    colours.push_back(page->substr(at, page->find('m', at) - at));
  }
  ASSERT_EQ(colours.size(), 3u);
  EXPECT_NE(colours[0], colours[1]);
  EXPECT_NE(colours[1], colours[2]);
}

class Pipe {
 public:
  Pipe() {
    int ends[2];
    SLUICE_CHECK(::pipe(ends) == 0, "a process may have a pipe");
    out_ = ends[0];
    in_ = ends[1];
  }
  ~Pipe() {
    Close();
    ::close(out_);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int out() const { return out_; }
  void Write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t count = ::write(in_, text.data(), text.size());
      SLUICE_CHECK(count > 0, "the other end reads");
      text.remove_prefix(static_cast<size_t>(count));
    }
  }
  void Close() {
    if (in_ >= 0) ::close(std::exchange(in_, -1));
  }

 private:
  int in_ = -1;
  int out_ = -1;
};

TEST(ExplainInput, IsReadToItsEndFromAPipe) {
  Pipe pipe;
  std::thread writer([&pipe] {
    pipe.Write(std::string(200'000, 'x'));
    pipe.Close();
  });
  const auto text = ReadText(pipe.out(), {});
  writer.join();
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, std::string(200'000, 'x'));
}

TEST(ExplainInput, IsRefusedPastItsLimitAndWithoutAFile) {
  Pipe pipe;
  pipe.Write("12345");
  pipe.Close();
  const auto text = ReadText(pipe.out(), {.max_text_bytes = 4});
  EXPECT_EQ(text.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(text.status().message()), HasSubstr("limit 4"));
  EXPECT_EQ(ReadText(-1, {}).status().code(), absl::StatusCode::kUnavailable);
}

TEST(ExplainColour, IsForTerminalsWhoseUsersWantIt) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal < 0 || ::grantpt(terminal) != 0 || ::unlockpt(terminal) != 0) {
    GTEST_SKIP() << "no pseudo-terminals here";
  }
  const Pipe pipe;
  ::unsetenv("NO_COLOR");
  ::setenv("TERM", "xterm-256color", 1);
  EXPECT_TRUE(WantsColour(terminal));
  EXPECT_FALSE(WantsColour(pipe.out()));
  ::setenv("TERM", "dumb", 1);
  EXPECT_FALSE(WantsColour(terminal));
  ::setenv("TERM", "xterm", 1);
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(WantsColour(terminal));
  ::unsetenv("NO_COLOR");
  ::close(terminal);
}

TEST_F(ExplainTest, RefusesWhatIsNotUtf8) {
  EXPECT_EQ(Explain(*tokenizer_, "\xFF", false).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sluice::tokenizer
