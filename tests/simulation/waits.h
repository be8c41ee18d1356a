#pragma once

// Whether those that wait for their first step wait no longer than they must:
// nobody who comes behind them in order starts before them, and each step that
// they wait is paid for by work of those that go before them.

#include <cstdint>
#include <map>

#include "absl/status/status.h"
#include "services/generator/scheduler/scheduler.h"
#include "tests/simulation/situations.h"

namespace sluice::generator {

// Judges one engine, step by step. Threads: one at a time.
class WaitJudge {
 public:
  // `situations` is lent for the judge's life.
  explicit WaitJudge(Situations& situations) : situations_(&situations) {}

  void BeforeStep(const Scheduler& scheduler);
  // `ran`: the step computed something.
  // Errors: INTERNAL: somebody was overtaken, or waits for nothing.
  absl::Status AfterStep(const Scheduler& scheduler, bool ran);

  // The most steps that a request waited here.
  int64_t longest_wait_steps() const { return longest_; }

 private:
  struct Waiting {
    int64_t steps = 0;
    // Rows that may be computed before it: of all that were there when it
    // came, and of those that came later and rightly started before it.
    int64_t rows_ahead = 0;
    Ticket last_known = 0;  // later ones came after it
  };

  absl::Status JudgeStart(const LiveRequest& started,
                          const Scheduler& scheduler);

  Situations* situations_;
  std::map<Ticket, Waiting> waiting_;
  // Served tokens before the step; accounts outlive their requests.
  std::map<const TenantLedger::Account*, int64_t> served_;
  int64_t longest_ = 0;
};

}  // namespace sluice::generator
