#include "services/generator/runner/memory_budget.h"

#include <filesystem>
#include <limits>
#include <string>

#include "common/testing/test_files.h"
#include "gtest/gtest.h"

namespace sluice::generator {
namespace {

// A directory that stands in for "/".
class MemoryBudgetTest : public testing::Test {
 protected:
  void Write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(
        std::filesystem::path(root_.path() + "/" + path).parent_path());
    root_.Write(path, text);
  }
  int64_t Available() const { return AvailableMemoryBytes(root_.path()); }

  TempDir root_;
};

TEST_F(MemoryBudgetTest, WithoutAnyWordThereIsNoLimit) {
  EXPECT_EQ(Available(), std::numeric_limits<int64_t>::max());
}

TEST_F(MemoryBudgetTest, TheSystemSaysWhatIsAvailable) {
  Write("proc/meminfo",
        "MemTotal:       16000 kB\nMemAvailable:    8000 kB\nCached: 1 kB\n");
  EXPECT_EQ(Available(), 8000 * 1024);
}

TEST_F(MemoryBudgetTest, AGroupOrOneAboveItMayAllowLess) {
  Write("proc/meminfo", "MemAvailable:    8000 kB\n");
  Write("proc/self/cgroup", "0::/pod/box\n");
  Write("sys/fs/cgroup/pod/box/memory.max", "max\n");
  EXPECT_EQ(Available(), 8000 * 1024);
  Write("sys/fs/cgroup/pod/memory.max", "5000000\n");
  EXPECT_EQ(Available(), 5000000);
  Write("sys/fs/cgroup/pod/box/memory.max", "4000000\n");
  EXPECT_EQ(Available(), 4000000);
}

TEST_F(MemoryBudgetTest, WhatTheGroupUsesIsNotAvailable) {
  Write("proc/meminfo", "MemAvailable:    8000 kB\n");
  Write("proc/self/cgroup", "0::/box\n");
  Write("sys/fs/cgroup/box/memory.max", "5000000\n");
  Write("sys/fs/cgroup/box/memory.current", "3000000\n");
  EXPECT_EQ(Available(), 2000000);
  Write("sys/fs/cgroup/box/memory.stat",
        "anon 1000000\nfile 2000000\ninactive_file 1500000\n");
  EXPECT_EQ(Available(), 3500000);
  Write("sys/fs/cgroup/box/memory.current", "9000000\n");
  EXPECT_EQ(Available(), 0);
}

TEST_F(MemoryBudgetTest, TheOldKindOfGroupCountsToo) {
  Write("proc/meminfo", "MemAvailable:    8000 kB\n");
  Write("proc/self/cgroup", "7:cpu,cpuacct:/a\n5:memory:/a/b\n0::/\n");
  Write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "3000000\n");
  Write("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes",
        "9223372036854771712\n");
  EXPECT_EQ(Available(), 3000000);
  Write("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "1000000\n");
  Write("sys/fs/cgroup/memory/a/memory.stat",
        "inactive_file 1\ntotal_inactive_file 400000\n");
  EXPECT_EQ(Available(), 2400000);
}

}  // namespace
}  // namespace sluice::generator
