#pragma once

// One life of an engine over the native backend: requests go in, trails come
// out.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/vocabulary/vocabulary.h"
#include "services/generator/runner/native_runner.h"
#include "services/generator/scheduler/request.h"
#include "tests/same_bits/trail.h"

namespace sluice::generator {

// What a model directory says about requests.
struct SessionModel {
  std::string directory;
  Vocabulary vocabulary;
  std::vector<int32_t> eos_ids;
};
absl::StatusOr<SessionModel> ReadSessionModel(const std::string& directory);

struct Setting {
  NativeRunnerOptions native;
  int32_t prefill_rows = 512;  // of each step, whatever it takes
  int32_t max_running = 64;    // sequences at once
  bool prefix_cache = false;
  int32_t steps_between_arrivals = 0;  // 0: all at once
  bool spoil = false;                  // see RowRecorder
  // With guesses, most of them what these say comes next. Lent.
  const std::vector<Trail>* guess_from = nullptr;
};

// Phases run one after the other on one engine, the next when the last is
// idle. Request ids are unique. One trail a sequence, those of a request
// together, requests in order.
// Errors: those of CreateNativeRunner and Request::Create; INTERNAL when a
// request does not finish.
absl::StatusOr<std::vector<Trail>> RunSession(
    const SessionModel& model, const Setting& setting,
    const std::vector<std::vector<RequestFields>>& phases);

}  // namespace sluice::generator
