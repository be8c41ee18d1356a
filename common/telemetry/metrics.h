#pragma once

// The metrics of one process, in Prometheus terms. A service declares its
// families once, in one struct made from a Metrics and passed by reference:
//
//   struct GatewayMetrics {
//     explicit GatewayMetrics(Metrics& metrics)
//         : requests(metrics.AddCounter("sluice_requests_total",
//                                       "Requests by code.", {"code"})),
//           queue_seconds(metrics.AddHistogram("sluice_queue_seconds",
//                                              "Wait.", kSecondsGrid)) {}
//     CounterFamily& requests;
//     HistogramFamily& queue_seconds;
//   };
//   gateway_metrics.requests.With({"OK"}).Increment();
//   gateway_metrics.queue_seconds.Get().Observe(0.01);

#include <deque>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"

namespace sluice {

// The grid of every duration (TTFT, inter-token, queue, prefill, decode, step,
// stage), the same in Gateway and Generator so that quantiles can be compared:
// 50 us to 320 s.
inline constexpr double kSecondsGrid[] = {
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
    0.025,   0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,
    10,      20,     40,      80,     160,   320};
// The grid of every count of tokens or sequences: powers of two to 128 Ki.
inline constexpr double kTokensGrid[] = {
    1,   2,    4,    8,    16,   32,    64,    128,   256,
    512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072};

using Counter = prometheus::Counter;      // Increment(by = 1)
using Gauge = prometheus::Gauge;          // Set, Increment, Decrement
using Histogram = prometheus::Histogram;  // Observe(value)

// All series of one metric. Threads: any. Limits: 1,000 label combinations;
// beyond, values are counted under "other" in every label.
template <typename T>
class MetricFamily {
 public:
  MetricFamily(prometheus::Family<T>& family,
               std::vector<std::string> label_names, std::vector<double> bounds)
      : family_(family),
        label_names_(std::move(label_names)),
        bounds_(std::move(bounds)) {}

  // The series with these label values, in the declared order; the reference
  // stays valid. REQUIRES: one value per declared label. Takes a short lock:
  // keep the reference where it is used often.
  T& With(std::initializer_list<std::string_view> label_values);
  // The series of a family without labels.
  T& Get() { return With({}); }

 private:
  T& Add(const std::vector<std::string>& values)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  prometheus::Family<T>& family_;
  const std::vector<std::string> label_names_;
  const std::vector<double> bounds_;  // histograms only
  absl::Mutex mutex_;
  std::map<std::vector<std::string>, T*> series_ ABSL_GUARDED_BY(mutex_);
};

using CounterFamily = MetricFamily<Counter>;
using GaugeFamily = MetricFamily<Gauge>;
using HistogramFamily = MetricFamily<Histogram>;

// Threads: any. Serialize takes only locks of its own, so a scrape never waits
// for an engine.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Each name is declared once; help is a sentence that says what is counted.
  // A family without labels has its one series, at zero, from the start.
  // REQUIRES: a valid unused name; counters end in _total; no label is "le".
  CounterFamily& AddCounter(std::string_view name, std::string_view help,
                            std::vector<std::string> label_names = {});
  GaugeFamily& AddGauge(std::string_view name, std::string_view help,
                        std::vector<std::string> label_names = {});
  HistogramFamily& AddHistogram(std::string_view name, std::string_view help,
                                std::span<const double> bounds,
                                std::vector<std::string> label_names = {});

  // Runs at the start of each Serialize, one at a time, to fill in values that
  // are read rather than counted. Must not block.
  void AddCollector(std::function<void()> collect);

  // Prometheus text format, version 0.0.4.
  std::string Serialize();

  // docs/reference/metrics.md for one program: a markdown table of name, type,
  // labels and help, sorted by name.
  std::string ReferenceMarkdown(std::string_view program) const;

 private:
  struct Declared {
    std::string name, type, help;
    std::vector<std::string> label_names;
  };
  void Declare(Declared declared) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  prometheus::Registry registry_;
  mutable absl::Mutex mutex_;
  std::vector<Declared> declared_ ABSL_GUARDED_BY(mutex_);
  std::deque<CounterFamily> counters_ ABSL_GUARDED_BY(mutex_);
  std::deque<GaugeFamily> gauges_ ABSL_GUARDED_BY(mutex_);
  std::deque<HistogramFamily> histograms_ ABSL_GUARDED_BY(mutex_);
  absl::Mutex collect_mutex_;
  std::vector<std::function<void()>> collectors_
      ABSL_GUARDED_BY(collect_mutex_);
};

}  // namespace sluice
