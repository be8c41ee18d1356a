#include "common/base/cpu_budget.h"

#include <gtest/gtest.h>

#include <string>

#include "common/testing/test_files.h"

namespace sluice {
namespace {

TEST(CpuBudget, FindsNoQuotaWhereThereIsNone) {
  const TempDir root;
  const CpuBudget budget = ReadCpuBudget(root.path());
  EXPECT_EQ(budget.quota_cores, std::nullopt);
  EXPECT_GE(budget.logical_cpus, 1);
  EXPECT_EQ(budget.physical_cores, budget.logical_cpus);  // no topology there
}

TEST(CpuBudget, TakesTheTightestVersion2QuotaOnTheWayUp) {
  const TempDir root;
  root.Write("proc/self/cgroup", "0::/a/b\n");
  root.Write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  root.Write("sys/fs/cgroup/a/cpu.max", "250000 100000\n");
  root.Write("sys/fs/cgroup/cpu.max", "400000 100000\n");
  EXPECT_EQ(ReadCpuBudget(root.path()).quota_cores, 2.5);
}

TEST(CpuBudget, ReadsVersion1QuotaAlsoWhenItsOwnPathIsHidden) {
  const TempDir root;
  root.Write("proc/self/cgroup", "4:memory:/x\n3:cpu,cpuacct:/docker/y\n");
  root.Write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "150000\n");
  root.Write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(ReadCpuBudget(root.path()).quota_cores, 1.5);
  root.Write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(ReadCpuBudget(root.path()).quota_cores, std::nullopt);
}

// Of each pair of processors that are one core, one thread.
TEST(CpuBudget, ThreadsOfOneCoreCountOnce) {
  const TempDir root;
  constexpr int kProcessors = 1024;
  for (int cpu = 0; cpu < kProcessors; ++cpu) {
    const std::string folder =
        "sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
    root.Write(folder + "core_id", "7\n");
    root.Write(folder + "physical_package_id", "0\n");
  }
  const CpuBudget budget = ReadCpuBudget(root.path());
  EXPECT_EQ(budget.physical_cores, 1);
  EXPECT_EQ(budget.usable_threads(), 1);
  // The same core numbers in other packages are other cores.
  for (int cpu = 0; cpu < kProcessors; ++cpu) {
    root.Write("sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                   "/topology/physical_package_id",
               std::to_string(cpu) + "\n");
  }
  EXPECT_EQ(ReadCpuBudget(root.path()).physical_cores, budget.logical_cpus);
}

TEST(CpuBudget, UsableThreadsRoundDownAndAreAtLeastOne) {
  CpuBudget budget;
  budget.logical_cpus = 8;
  budget.physical_cores = 4;
  EXPECT_EQ(budget.usable_threads(), 4);
  budget.quota_cores = 3.9;
  EXPECT_EQ(budget.usable_threads(), 3);
  budget.quota_cores = 0.5;
  EXPECT_EQ(budget.usable_threads(), 1);
}

}  // namespace
}  // namespace sluice
