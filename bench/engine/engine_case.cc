#include "bench/engine/engine_case.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"

namespace sluice::bench {
namespace {

constexpr int32_t kBatchSteps = 16;
constexpr int32_t kMostPositions = 1 << 20;
constexpr int32_t kMostSequences = 1024;

bool ReadNumber(absl::string_view text, int32_t most, int32_t& out) {
  return absl::SimpleAtoi(text, &out) && out > 0 && out <= most;
}

}  // namespace

absl::StatusOr<EngineCase> ParseCase(const std::string& name) {
  EngineCase one;
  one.name = name;
  const std::vector<std::string> at = absl::StrSplit(name, '@');
  const absl::string_view head = at[0];
  bool valid = at.size() <= 2;
  if (at.size() == 2) valid = ReadNumber(at[1], kMostPositions, one.depth);
  if (valid && absl::StartsWith(head, "pp")) {
    valid = ReadNumber(head.substr(2), kMostPositions, one.rows);
  } else if (valid && absl::StartsWith(head, "tg")) {
    valid = ReadNumber(head.substr(2), kMostPositions, one.steps);
  } else if (valid && absl::StartsWith(head, "b")) {
    valid = ReadNumber(head.substr(1), kMostSequences, one.sequences);
    one.steps = kBatchSteps;
  } else {
    valid = false;
  }
  if (!valid) {
    return FieldError("cases", "unknown case", name,
                      "such as pp512, tg64@1024 or b8@128");
  }
  return one;
}

absl::StatusOr<std::vector<EngineCase>> ParseCases(const std::string& text) {
  std::vector<EngineCase> cases;
  for (const std::string& name :
       std::vector<std::string>(absl::StrSplit(text, ','))) {
    ASSIGN_OR_RETURN(EngineCase one, ParseCase(name));
    cases.push_back(std::move(one));
  }
  return cases;
}

}  // namespace sluice::bench
