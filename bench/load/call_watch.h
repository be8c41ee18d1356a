#pragma once

// What is measured of one call, and whether the server kept its promises.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "bench/load/workload.h"
#include "common/base/clock.h"

namespace sluice::load {

// Why a call was cancelled by us.
enum class Cut {
  kNone,
  kPlanned,  // the workload wanted it
  kEnd,      // the run was over
};

// All of one call. Times are those of the run's clock; 0: it did not happen.
struct CallRecord {
  int64_t index = 0;
  int32_t tenant = 0;
  int32_t question = -1;
  bool slow = false;
  Nanos due = 0;    // when it should have been sent: latencies count from here
  Nanos sent = 0;   // when it was
  Nanos first = 0;  // the first token, or text
  Nanos last = 0;   // the last one
  Nanos ended = 0;
  int64_t tokens = 0;  // of all Deltas; the HTTP face tells them at the end
  int64_t text_bytes = 0;
  int32_t prompt_tokens = 0;
  int32_t cached_tokens = 0;
  std::vector<Nanos> gaps;  // between one piece of output and the next
  std::string answer;       // kept only for questions
  bool finished = false;    // with Finished and an OK status
  Cut cut = Cut::kNone;
  absl::Status status;    // as the server said it
  std::string violation;  // the first broken promise; empty: none
};

struct FinishReport {
  int32_t prompt_tokens = 0;
  int32_t cached_tokens = 0;
  int32_t generated_tokens = 0;
};

// Promises: text is whole UTF-8; output comes after Started, Finished once and
// last; OK exactly after Finished; no more tokens than were asked for, and as
// many as the usage says.
// Threads: one at a time.
class CallWatch {
 public:
  CallWatch(const PlannedRequest& request, Nanos due, Nanos sent);

  void OnStarted();
  // `text` may be empty; so may `tokens` where the face does not tell.
  void OnText(std::string_view text, int32_t tokens, Nanos now);
  void OnIds(const std::vector<int32_t>& ids, Nanos now);
  void OnFinished(const FinishReport& report);
  // For what only the transport sees. The first one stays.
  void Violate(std::string_view sentence);

  // Once, last.
  CallRecord End(const absl::Status& status, Cut cut, Nanos now);

 private:
  void OnOutput(int64_t tokens, Nanos now);
  void CheckEnd();

  CallRecord record_;
  const int32_t max_new_tokens_;
  bool started_ = false;
  int32_t finished_count_ = 0;
  int32_t generated_tokens_ = 0;
};

}  // namespace sluice::load
