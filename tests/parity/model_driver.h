#pragma once

// Drives a ModelRunner over golden sequences in several ways that must all
// give the same logits, and measures the differences.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/generator/runner/model_runner.h"
#include "tests/parity/goldens.h"

namespace sluice::parity {

enum class Mode {
  kWhole,    // the prompt in one step, then one id a step
  kChunked,  // the prompt in small steps of changing size
  kBatched,  // all sequences of a model together, started one after the other
};
inline constexpr Mode kModes[] = {Mode::kWhole, Mode::kChunked, Mode::kBatched};
std::string ModeName(Mode mode);

// How far a row is from another. REQUIRES: equal sizes.
struct RowDifference {
  double max_abs_diff = 0.0;  // infinite where a value is no number
  double max_abs_ref = 0.0;

  double Ratio() const { return max_abs_diff / max_abs_ref; }
};
RowDifference CompareRows(absl::Span<const float> row,
                          absl::Span<const float> reference);

// One compared row.
struct RowSample {
  int32_t case_index = 0;
  int32_t position = 0;
  bool decode = false;  // else a row of the prompt
  RowDifference difference;
  double spread = 0.0;  // max - min of the backend's own logits
};

struct CaseResult {
  int32_t case_index = 0;
  int32_t greedy_equal = 0;  // leading greedy ids that agree
  int32_t greedy_wanted = 0;
};

struct ModeResult {
  std::vector<RowSample> rows;
  std::vector<CaseResult> cases;
};

// Positions that the runner's pool must hold for RunMode.
int32_t PositionsNeeded(const GoldenModel& model);

// Feeds prompt and golden continuation: where the backend's choice agrees this
// is greedy decoding, and where it does not the rest can still be compared.
absl::StatusOr<ModeResult> RunMode(generator::ModelRunner& runner,
                                   const GoldenModel& model, Mode mode);

// Index of the largest value, the lowest among equals.
int32_t ArgMax(absl::Span<const float> values);

}  // namespace sluice::parity
