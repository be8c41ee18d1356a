#include "common/telemetry/metrics.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "common/concurrency/named_thread.h"
#include "common/telemetry/process_metrics.h"
#include "common/testing/test_files.h"

namespace sluice {
namespace {

bool HasLine(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(Metrics, SeriesAppearWithTheirLabelsAndValues) {
  Metrics metrics;
  CounterFamily& calls =
      metrics.AddCounter("sluice_calls_total", "Calls.", {"code", "face"});
  calls.With({"OK", "http"}).Increment();
  calls.With({"OK", "http"}).Increment(2);
  calls.With({"INTERNAL", "grpc"}).Increment();
  metrics.AddGauge("sluice_queue", "Waiting.").Get().Set(7);
  const std::string text = metrics.Serialize();
  EXPECT_TRUE(HasLine(text, "sluice_calls_total{code=\"OK\",face=\"http\"} 3"))
      << text;
  EXPECT_TRUE(
      HasLine(text, "sluice_calls_total{code=\"INTERNAL\",face=\"grpc\"} 1"));
  EXPECT_TRUE(HasLine(text, "sluice_queue 7"));
  EXPECT_TRUE(HasLine(text, "# TYPE sluice_calls_total counter"));
  EXPECT_TRUE(HasLine(text, "# HELP sluice_calls_total Calls."));
}

TEST(Metrics, HistogramsCountEachValueInTheBucketThatHoldsIt) {
  Metrics metrics;
  Histogram& seconds =
      metrics.AddHistogram("sluice_step_seconds", "Step.", kSecondsGrid).Get();
  seconds.Observe(0.00005);
  seconds.Observe(0.3);
  seconds.Observe(1000);
  const std::string text = metrics.Serialize();
  EXPECT_TRUE(HasLine(text, "sluice_step_seconds_bucket{le=\"5e-05\"} 1"))
      << text;
  EXPECT_TRUE(HasLine(text, "sluice_step_seconds_bucket{le=\"0.25\"} 1"));
  EXPECT_TRUE(HasLine(text, "sluice_step_seconds_bucket{le=\"0.5\"} 2"));
  EXPECT_TRUE(HasLine(text, "sluice_step_seconds_bucket{le=\"320\"} 2"));
  EXPECT_TRUE(HasLine(text, "sluice_step_seconds_bucket{le=\"+Inf\"} 3"));
}

TEST(Metrics, SeriesBeyondTheLimitAreCountedAsOther) {
  Metrics metrics;
  CounterFamily& calls = metrics.AddCounter("sluice_x_total", "X.", {"tenant"});
  for (int i = 0; i < 1500; ++i) calls.With({std::to_string(i)}).Increment();
  EXPECT_EQ(calls.With({"other"}).Value(), 500);
  EXPECT_EQ(calls.With({"999"}).Value(), 1);
}

TEST(Metrics, CollectorsRunAtEachScrape) {
  Metrics metrics;
  Gauge& gauge = metrics.AddGauge("sluice_scrapes", "Scrapes.").Get();
  metrics.AddCollector([&gauge] { gauge.Increment(); });
  metrics.Serialize();
  EXPECT_TRUE(HasLine(metrics.Serialize(), "sluice_scrapes 2"));
}

TEST(Metrics, ReferenceListsEveryFamilySortedEvenWithoutSeries) {
  Metrics metrics;
  metrics.AddGauge("sluice_b", "B | b.");
  metrics.AddCounter("sluice_a_total", "A.", {"x", "y"});
  EXPECT_EQ(metrics.ReferenceMarkdown("sluice-fake"),
            "## sluice-fake\n\n| Metric | Type | Labels | Meaning |\n"
            "|---|---|---|---|\n"
            "| `sluice_a_total` | counter | x, y | A. |\n"
            "| `sluice_b` | gauge |  | B \\| b. |\n");
}

TEST(Metrics, CountingAndScrapingFromManyThreadsLosesNothing) {
  Metrics metrics;
  CounterFamily& calls = metrics.AddCounter("sluice_x_total", "X.", {"code"});
  {
    std::vector<NamedThread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back("counter", [&calls, &metrics] {
        for (int i = 0; i < 500; ++i) {
          calls.With({i % 2 == 0 ? "a" : "b"}).Increment();
          if (i % 100 == 0) metrics.Serialize();
        }
      });
    }
  }
  EXPECT_EQ(calls.With({"a"}).Value(), 1000);
  EXPECT_EQ(calls.With({"b"}).Value(), 1000);
}

TEST(MetricsDeathTest, ANameIsDeclaredOnceAndCountersEndInTotal) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Metrics metrics;
  metrics.AddGauge("sluice_a", "A.");
  EXPECT_DEATH(metrics.AddGauge("sluice_a", "A."), "declared once");
  EXPECT_DEATH(metrics.AddCounter("sluice_a_count", "A."), "_total");
}

TEST(ProcessMetrics, SayWhatTheKernelSays) {
  const ProcessStats before = ReadProcessStats();
  std::vector<char> memory(64 << 20, 1);
  const ProcessStats after = ReadProcessStats();
  EXPECT_GE(after.resident_bytes - before.resident_bytes, 60 << 20);
  int threads_with_one_more = 0;
  std::thread([&] {
    threads_with_one_more = ReadProcessStats().threads;
  }).join();
  EXPECT_EQ(threads_with_one_more, before.threads + 1);
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);
  EXPECT_EQ(ReadProcessStats().open_fds, after.open_fds + 2);
  ::close(fds[0]);
  ::close(fds[1]);
  EXPECT_GE(after.cpu_seconds, before.cpu_seconds);
  EXPECT_GT(after.start_time_seconds, 1.6e9);
  EXPECT_EQ(memory[12345], 1);
}

TEST(ProcessMetrics, AScrapePassesPromtool) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "promtool (package prometheus) is not installed";
  }
  Metrics metrics;
  AddProcessMetrics(metrics, "test");
  metrics.AddHistogram("sluice_step_seconds", "Step.", kSecondsGrid, {"phase"})
      .With({"decode"})
      .Observe(0.01);
  metrics.AddHistogram("sluice_prompt_tokens", "Tokens.", kTokensGrid)
      .Get()
      .Observe(5);
  const TempDir temp;
  const std::string path = temp.Write("metrics", metrics.Serialize());
  const std::string command = "promtool check metrics < " + path + " 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

}  // namespace
}  // namespace sluice
