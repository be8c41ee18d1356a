#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/base/clock.h"

namespace sluice::load {

// Durations, all kept, so that percentiles are exact.
// Threads: one at a time.
class Samples {
 public:
  void Add(Nanos value) {
    values_.push_back(value);
    sorted_ = false;
  }
  void Add(const std::vector<Nanos>& values) {
    values_.insert(values_.end(), values.begin(), values.end());
    sorted_ = false;
  }

  size_t count() const { return values_.size(); }
  // The least value that at least `percent` of all values do not exceed
  // (nearest rank); 0 without values. REQUIRES: percent in (0, 100].
  Nanos Percentile(double percent);
  Nanos Min();
  Nanos Max();
  double MeanSeconds() const;

 private:
  void Sort();

  std::vector<Nanos> values_;
  bool sorted_ = true;
};

}  // namespace sluice::load
