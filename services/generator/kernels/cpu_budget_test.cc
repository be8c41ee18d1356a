#include "services/generator/kernels/cpu_budget.h"

#include <cmath>
#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"

namespace sluice::generator::kernels {
namespace {

class CpuBudgetTest : public testing::Test {
 protected:
  CpuBudgetTest()
      : root_(testing::TempDir() + "cpu_budget_" +
              testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(root_);
  }
  ~CpuBudgetTest() override { std::filesystem::remove_all(root_); }

  void Put(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_ + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

  std::string root_;
};

TEST_F(CpuBudgetTest, WithoutAnyFileEveryAllowedCpuIsACore) {
  const CpuBudget budget = ComputeCpuBudget(root_, {0, 1, 2});
  EXPECT_TRUE(std::isinf(budget.quota_cpus));
  EXPECT_EQ(budget.allowed_cpus, 3);
  EXPECT_EQ(budget.physical_cores, 3);
  EXPECT_EQ(budget.threads, 3);
}

TEST_F(CpuBudgetTest, TheTightestVersion2GroupOnThePathCounts) {
  Put("/proc/self/cgroup", "0::/a/b\n");
  Put("/sys/fs/cgroup/a/cpu.max", "250000 100000\n");
  Put("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  const CpuBudget budget = ComputeCpuBudget(root_, {0, 1, 2, 3});
  EXPECT_DOUBLE_EQ(budget.quota_cpus, 2.5);
  EXPECT_EQ(budget.threads, 2);
}

TEST_F(CpuBudgetTest, InsideANamespaceTheMountItselfIsTheGroup) {
  Put("/proc/self/cgroup", "0::/\n");
  Put("/sys/fs/cgroup/cpu.max", "50000 100000\n");
  EXPECT_EQ(ComputeCpuBudget(root_, {0, 1}).threads, 1);
  EXPECT_DOUBLE_EQ(ComputeCpuBudget(root_, {0, 1}).quota_cpus, 0.5);
}

TEST_F(CpuBudgetTest, Version1QuotaIsReadFromTheCpuController) {
  Put("/proc/self/cgroup", "3:cpuset:/x\n2:cpu,cpuacct:/docker/1\n");
  Put("/sys/fs/cgroup/cpu/docker/1/cpu.cfs_quota_us", "300000\n");
  Put("/sys/fs/cgroup/cpu/docker/1/cpu.cfs_period_us", "100000\n");
  Put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  Put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  const CpuBudget budget = ComputeCpuBudget(root_, {0, 1, 2, 3});
  EXPECT_DOUBLE_EQ(budget.quota_cpus, 3.0);
  EXPECT_EQ(budget.threads, 3);
}

TEST_F(CpuBudgetTest, SiblingsOfOneCoreCountOnce) {
  Put("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0,2\n");
  Put("/sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "0,2\n");
  Put("/sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "1,3\n");
  const CpuBudget budget = ComputeCpuBudget(root_, {0, 1, 2});
  EXPECT_EQ(budget.allowed_cpus, 3);
  EXPECT_EQ(budget.physical_cores, 2);
  EXPECT_EQ(budget.threads, 2);
}

TEST_F(CpuBudgetTest, GarbageMeansNoQuota) {
  Put("/proc/self/cgroup", "nonsense\n::\n0::/a\n");
  Put("/sys/fs/cgroup/a/cpu.max", "lots of\n");
  EXPECT_EQ(ComputeCpuBudget(root_, {0, 1}).threads, 2);
}

TEST(CpuBudgetOfThisProcess, GrantsAtLeastOneThread) {
  const CpuBudget budget = ReadCpuBudget();
  EXPECT_GE(budget.threads, 1);
  EXPECT_LE(budget.threads, budget.allowed_cpus);
}

}  // namespace
}  // namespace sluice::generator::kernels
