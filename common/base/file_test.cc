#include "common/base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "common/base/model_directory.h"
#include "common/base/ports_file.h"
#include "common/testing/test_files.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

TEST(ReadFile, GivesEveryByteUpToTheLimit) {
  const TempDir temp;
  const std::string bytes = std::string("a\0b\xFF\n", 5);
  const std::string path = temp.Write("x", bytes);
  const auto read = ReadFile(path, 5);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, bytes);
}

TEST(ReadFile, RefusesAFileOverTheLimitNamingPathSizeAndLimit) {
  const TempDir temp;
  const std::string path = temp.Write("x", "12345");
  const absl::Status status = ReadFile(path, 4).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(status.message()),
            path + ": too large, got 5 bytes, limit 4");
}

TEST(ReadFile, RefusesWhatIsNotARegularFile) {
  const TempDir temp;
  EXPECT_EQ(ReadFile(temp.path(), 100).status().code(),
            absl::StatusCode::kInvalidArgument);
  const std::string pipe = temp.path() + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(ReadFile(pipe, 100).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadFile(temp.path() + "/none", 100).status().code(),
            absl::StatusCode::kNotFound);
}

TEST(WriteFileAtomically, ReplacesTheFileAndLeavesNothingElse) {
  const TempDir temp;
  const std::string path = temp.Write("x", "old and longer");
  ASSERT_TRUE(WriteFileAtomically(path, "new").ok());
  EXPECT_EQ(*ReadFile(path, 100), "new");
  EXPECT_EQ(std::distance(fs::directory_iterator(temp.path()), {}), 1);
}

TEST(WriteFileAtomically, NamesAFolderThatIsMissing) {
  const TempDir temp;
  const absl::Status status =
      WriteFileAtomically(temp.path() + "/none/x", "new");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
}

TEST(DefaultModelDirectory, PrefersTheInstalledModelThenLooksUpward) {
  const TempDir temp;
  fs::create_directories(temp.path() + "/build/bin");
  const std::string program = temp.path() + "/build/bin";
  EXPECT_EQ(DefaultModelDirectoryFrom(temp.path() + "/build").status().code(),
            absl::StatusCode::kNotFound);
  temp.Write("models/tiny/config.json", "{}");
  EXPECT_EQ(*DefaultModelDirectoryFrom(program), temp.path() + "/models/tiny");
  temp.Write("build/share/sluice/models/tiny/config.json", "{}");
  EXPECT_EQ(*DefaultModelDirectoryFrom(program),
            temp.path() + "/build/share/sluice/models/tiny");
}

TEST(ModelNameOf, IsTheLastPartOfThePath) {
  EXPECT_EQ(ModelNameOf("models/tiny"), "tiny");
  EXPECT_EQ(ModelNameOf("/a/Qwen1.5-0.5B/"), "Qwen1.5-0.5B");
  EXPECT_EQ(ModelNameOf("a/b/../c/."), "c");
  EXPECT_EQ(ModelNameOf("."), fs::current_path().filename().string());
}

TEST(PortsFile, HasOneKeyPerOpenPort) {
  const TempDir temp;
  BoundPorts ports;
  EXPECT_EQ(ToJson(ports), "{}\n");
  ports.grpc = 40001;
  ports.ops = 40002;
  const std::string path = temp.path() + "/ports";
  ASSERT_TRUE(WritePortsFile(path, ports).ok());
  EXPECT_EQ(*ReadFile(path, 100), "{\"grpc\":40001,\"ops\":40002}\n");
  EXPECT_TRUE(WritePortsFile("", ports).ok());
}

}  // namespace
}  // namespace sluice
