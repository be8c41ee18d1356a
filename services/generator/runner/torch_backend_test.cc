#include "services/generator/runner/torch_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace sluice::generator {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

TEST(TorchBackendTest, AnAbsentLibraryIsOneClearSentence) {
  TorchRunnerOptions options;
  options.library_path = "/nonexistent/libsluice_torch.so";
  const auto runner = LoadTorchRunner(options);
  EXPECT_EQ(runner.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(runner.status()),
              AllOf(HasSubstr("backend: torch is not installed"),
                    HasSubstr("/nonexistent/libsluice_torch.so")));
}

TEST(TorchBackendTest, TheLibraryIsLookedForBesideTheExecutableAndInLib) {
  const auto paths = TorchBackendPaths();
  ASSERT_EQ(paths.size(), 2u);
  EXPECT_THAT(paths[0], testing::EndsWith("/libsluice_torch.so"));
  EXPECT_THAT(paths[1], testing::EndsWith("/lib/sluice/libsluice_torch.so"));
  EXPECT_EQ(paths[0].front(), '/');
  EXPECT_THAT(paths[1], testing::Not(HasSubstr("..")));
}

TEST(TorchBackendTest, AFileThatIsNoLibraryIsRefused) {
  const std::string path =
      testing::TempDir() + "/not-a-library-" + std::to_string(getpid()) + ".so";
  FILE* file = std::fopen(path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  std::fputs("not an ELF file\n", file);
  std::fclose(file);
  TorchRunnerOptions options;
  options.library_path = path;
  const auto runner = LoadTorchRunner(options);
  EXPECT_EQ(runner.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(runner.status()), HasSubstr(path));
  std::remove(path.c_str());
}

TEST(TorchBackendTest, BadOptionsAreRefusedByName) {
  TorchRunnerOptions options;
  options.block_size = 1025;
  EXPECT_THAT(Message(LoadTorchRunner(options).status()),
              AllOf(HasSubstr("block_size"), HasSubstr("1025")));
  options = {};
  options.threads = -1;
  EXPECT_THAT(Message(LoadTorchRunner(options).status()),
              AllOf(HasSubstr("threads"), HasSubstr("-1")));
}

}  // namespace
}  // namespace sluice::generator
