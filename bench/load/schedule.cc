#include "bench/load/schedule.h"

#include <cmath>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "bench/load/length_distribution.h"
#include "common/base/error_info.h"

namespace sluice::load {
namespace {

constexpr size_t kMaxPhases = 64;
constexpr double kMaxSeconds = 86'400;
constexpr double kMaxRequests = 10'000'000;

Nanos ToNanos(double seconds) {
  return static_cast<Nanos>(seconds * static_cast<double>(kNanosPerSecond));
}

}  // namespace

absl::StatusOr<std::vector<Phase>> ParsePhases(std::string_view text) {
  std::vector<Phase> phases;
  double expected = 0;
  const std::vector<std::string> parts = absl::StrSplit(std::string(text), ',');
  for (const std::string& part : parts) {
    const std::vector<std::string> words = absl::StrSplit(part, ':');
    Phase phase;
    if (words.size() != 2 || !absl::SimpleAtod(words[0], &phase.rate) ||
        !absl::SimpleAtod(words[1], &phase.seconds) || !(phase.rate >= 0) ||
        !(phase.seconds > 0) || phase.seconds > kMaxSeconds) {
      return FieldError("phases", "is no phase", part,
                        "RATE:SECONDS, a rate of at least 0, seconds above 0 "
                        "and up to 86400");
    }
    expected += phase.rate * phase.seconds;
    phases.push_back(phase);
  }
  if (phases.size() > kMaxPhases) {
    return FieldError("phases", "too many", std::to_string(phases.size()),
                      "64");
  }
  if (!(expected <= kMaxRequests)) {
    return FieldError("phases", "too many requests", std::to_string(expected),
                      "10000000");
  }
  return phases;
}

Nanos TotalDuration(const std::vector<Phase>& phases) {
  Nanos total = 0;
  for (const Phase& phase : phases) total += ToNanos(phase.seconds);
  return total;
}

std::vector<Nanos> DrawArrivals(const std::vector<Phase>& phases, bool poisson,
                                RandomSource& random) {
  std::vector<Nanos> arrivals;
  Nanos begin = 0;
  for (const Phase& phase : phases) {
    const Nanos end = begin + ToNanos(phase.seconds);
    double at = 0;
    while (phase.rate > 0) {
      at += (poisson ? DrawExponential(random) : 1.0) / phase.rate;
      if (at >= phase.seconds) break;
      const Nanos due = begin + ToNanos(at);
      if (due >= end) break;
      arrivals.push_back(due);
    }
    begin = end;
  }
  return arrivals;
}

}  // namespace sluice::load
