#include "services/generator/kernels/numa_nodes.h"

#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"
#include "services/generator/kernels/huge_buffer.h"

namespace sluice::generator::kernels {
namespace {

class NumaNodesTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/sluice-nodes-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    root_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path whole = root_ + "/" + path;
    std::filesystem::create_directories(whole.parent_path());
    std::ofstream(whole) << text;
  }
  // Of a machine.
  std::vector<int> Nodes(const std::string& present,
                         const std::string& allowed) {
    Write("sys/devices/system/node/has_memory", present + "\n");
    Write("proc/self/status",
          "Name:\tx\nMems_allowed:\tff\nMems_allowed_list:\t" + allowed + "\n");
    return MemoryNodes(root_);
  }

  std::string root_;
};

TEST_F(NumaNodesTest, AreThoseWithMemoryThatTheCpusetGrants) {
  EXPECT_EQ(Nodes("0", "0"), (std::vector<int>{0}));
  EXPECT_EQ(Nodes("0-1", "0-1"), (std::vector<int>{0, 1}));
  EXPECT_EQ(Nodes("0-3,6", "1,3-7"), (std::vector<int>{1, 3, 6}));
  EXPECT_EQ(Nodes("0-1", "2"), (std::vector<int>{}));
}

TEST_F(NumaNodesTest, AreNoneWhereTheKernelDoesNotTell) {
  EXPECT_EQ(MemoryNodes(root_), (std::vector<int>{}));
  EXPECT_EQ(Nodes("", "0"), (std::vector<int>{}));
  EXPECT_EQ(Nodes("nonsense", "0"), (std::vector<int>{}));
  EXPECT_EQ(Nodes("0-99999999", "0"), (std::vector<int>{}));
}

TEST_F(NumaNodesTest, SpreadMemoryHasThePolicyInTheKernel) {
  const std::vector<int> nodes = MemoryNodes();
  if (nodes.empty()) GTEST_SKIP() << "the kernel tells of no nodes";
  HugeBuffer buffer = *HugeBuffer::Allocate(size_t{1} << 20);
  // A whole page inside, whatever the buffer begins with.
  auto* page = reinterpret_cast<void*>(
      (reinterpret_cast<uintptr_t>(buffer.bytes()) + 4095) / 4096 * 4096);
  if (!SpreadOverNodes(page, 4096, nodes)) {
    GTEST_SKIP() << "the kernel refuses policies here, errno " << errno;
  }
  int policy = -1;
  ASSERT_EQ(syscall(SYS_get_mempolicy, &policy, nullptr, 0, page, MPOL_F_ADDR),
            0);
  EXPECT_EQ(policy, MPOL_INTERLEAVE);
}

TEST_F(NumaNodesTest, ARefusalIsTold) {
  EXPECT_FALSE(SpreadOverNodes(nullptr, 4096, {}));
}

}  // namespace
}  // namespace sluice::generator::kernels
