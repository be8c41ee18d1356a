#include "common/telemetry/metrics.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <type_traits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/base/check.h"

namespace sluice {
namespace {

constexpr size_t kMaxSeriesPerFamily = 1000;

}  // namespace

template <typename T>
T& MetricFamily<T>::With(std::initializer_list<std::string_view> label_values) {
  SLUICE_CHECK(label_values.size() == label_names_.size(),
               "one value per declared label");
  std::vector<std::string> values(label_values.begin(), label_values.end());
  absl::MutexLock lock(&mutex_);
  auto found = series_.find(values);
  if (found != series_.end()) return *found->second;
  if (series_.size() >= kMaxSeriesPerFamily) {
    values.assign(label_names_.size(), "other");
    found = series_.find(values);
    if (found != series_.end()) return *found->second;
  }
  return Add(values);
}

template <typename T>
T& MetricFamily<T>::Add(const std::vector<std::string>& values) {
  prometheus::Labels labels;
  for (size_t i = 0; i < values.size(); ++i) {
    labels[label_names_[i]] = values[i];
  }
  T* series = nullptr;
  if constexpr (std::is_same_v<T, Histogram>) {
    series = &family_.Add(labels, bounds_);
  } else {
    series = &family_.Add(labels);
  }
  series_.emplace(values, series);
  return *series;
}

template class MetricFamily<Counter>;
template class MetricFamily<Gauge>;
template class MetricFamily<Histogram>;

Metrics::Metrics() : registry_(prometheus::Registry::InsertBehavior::Throw) {}
Metrics::~Metrics() = default;

void Metrics::Declare(Declared declared) {
  SLUICE_CHECK(
      declared.type != "counter" || absl::EndsWith(declared.name, "_total"),
      "a counter's name ends in _total: " + declared.name);
  SLUICE_CHECK(!declared.help.empty(), "a metric needs help: " + declared.name);
  for (const Declared& other : declared_) {
    SLUICE_CHECK(other.name != declared.name,
                 "a metric is declared once: " + declared.name);
  }
  declared_.push_back(std::move(declared));
}

CounterFamily& Metrics::AddCounter(std::string_view name, std::string_view help,
                                   std::vector<std::string> label_names) {
  absl::MutexLock lock(&mutex_);
  Declare({std::string(name), "counter", std::string(help), label_names});
  CounterFamily& family =
      counters_.emplace_back(prometheus::BuildCounter()
                                 .Name(std::string(name))
                                 .Help(std::string(help))
                                 .Register(registry_),
                             label_names, std::vector<double>());
  if (label_names.empty()) family.Get();
  return family;
}

GaugeFamily& Metrics::AddGauge(std::string_view name, std::string_view help,
                               std::vector<std::string> label_names) {
  absl::MutexLock lock(&mutex_);
  Declare({std::string(name), "gauge", std::string(help), label_names});
  GaugeFamily& family =
      gauges_.emplace_back(prometheus::BuildGauge()
                               .Name(std::string(name))
                               .Help(std::string(help))
                               .Register(registry_),
                           label_names, std::vector<double>());
  if (label_names.empty()) family.Get();
  return family;
}

HistogramFamily& Metrics::AddHistogram(std::string_view name,
                                       std::string_view help,
                                       std::span<const double> bounds,
                                       std::vector<std::string> label_names) {
  SLUICE_CHECK(std::is_sorted(bounds.begin(), bounds.end()),
               "histogram bounds ascend");
  absl::MutexLock lock(&mutex_);
  Declare({std::string(name), "histogram", std::string(help), label_names});
  HistogramFamily& family = histograms_.emplace_back(
      prometheus::BuildHistogram()
          .Name(std::string(name))
          .Help(std::string(help))
          .Register(registry_),
      label_names, std::vector<double>(bounds.begin(), bounds.end()));
  if (label_names.empty()) family.Get();
  return family;
}

void Metrics::AddCollector(std::function<void()> collect) {
  absl::MutexLock lock(&collect_mutex_);
  collectors_.push_back(std::move(collect));
}

std::string Metrics::Serialize() {
  absl::MutexLock lock(&collect_mutex_);
  for (const std::function<void()>& collect : collectors_) collect();
  return prometheus::TextSerializer().Serialize(registry_.Collect());
}

std::string Metrics::ReferenceMarkdown(std::string_view program) const {
  absl::MutexLock lock(&mutex_);
  std::vector<Declared> rows = declared_;
  std::sort(rows.begin(), rows.end(), [](const Declared& a, const Declared& b) {
    return a.name < b.name;
  });
  std::string page = absl::StrCat(
      "## ", std::string(program),
      "\n\n| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n");
  for (const Declared& row : rows) {
    absl::StrAppend(&page, "| `", row.name, "` | ", row.type, " | ",
                    absl::StrJoin(row.label_names, ", "), " | ",
                    absl::StrReplaceAll(row.help, {{"|", "\\|"}}), " |\n");
  }
  return page;
}

}  // namespace sluice
