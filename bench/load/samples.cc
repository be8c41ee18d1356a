#include "bench/load/samples.h"

#include <algorithm>
#include <cmath>

#include "common/base/check.h"

namespace sluice::load {

void Samples::Sort() {
  if (!sorted_) std::sort(values_.begin(), values_.end());
  sorted_ = true;
}

Nanos Samples::Percentile(double percent) {
  SLUICE_CHECK(percent > 0 && percent <= 100, "a percentile is in (0, 100]");
  if (values_.empty()) return 0;
  Sort();
  // A product such as 0.999 * 1000 may come out a hair above its true value.
  const double rank =
      std::ceil(percent / 100 * static_cast<double>(values_.size()) - 1e-9);
  const size_t index = static_cast<size_t>(std::max(rank, 1.0)) - 1;
  return values_[std::min(index, values_.size() - 1)];
}

Nanos Samples::Min() {
  Sort();
  return values_.empty() ? 0 : values_.front();
}

Nanos Samples::Max() {
  Sort();
  return values_.empty() ? 0 : values_.back();
}

double Samples::MeanSeconds() const {
  double sum = 0;
  for (const Nanos value : values_) sum += ToSeconds(value);
  return values_.empty() ? 0 : sum / static_cast<double>(values_.size());
}

}  // namespace sluice::load
