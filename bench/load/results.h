#pragma once

// From the records of a run to the numbers of its report.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bench/load/answer_book.h"
#include "bench/load/call_watch.h"
#include "bench/load/options.h"
#include "bench/load/samples.h"

namespace sluice::load {

// Of a run, or of one tenant's part.
struct Counts {
  int64_t sent = 0;
  int64_t finished = 0;
  int64_t good = 0;       // finished, the first token within the bound
  int64_t rejected = 0;   // RESOURCE_EXHAUSTED before any output
  int64_t cancelled = 0;  // as the workload wanted
  int64_t tokens = 0;     // of finished and unfinished answers
};

// One second of the run, told by when requests were due.
struct Second {
  Counts counts;
  Samples ttft;  // of those that finished
};

// Threads: one at a time.
class Results {
 public:
  Results(const LoadOptions& options, Nanos start);

  // Anything due before the end of the warm-up is checked, but not counted.
  void Add(CallRecord record);
  // A request that was not sent because too many were in flight.
  void AddNotSent(Nanos due);

  const Counts& all() const { return all_; }
  const std::vector<Counts>& tenants() const { return tenants_; }

  Nanos start() const { return start_; }
  Nanos count_from() const { return count_from_; }
  Nanos last_end() const { return last_end_; }

  // What the report reads.
  int64_t not_sent = 0;
  int64_t unfinished = 0;     // still running when the run was over
  int64_t without_retry = 0;  // rejections that do not say when to retry
  int64_t violations = 0;
  int64_t prompt_tokens = 0;  // of finished requests
  int64_t cached_tokens = 0;
  std::map<std::string, int64_t> errors;    // by code: neither of the above
  std::map<std::string, int64_t> broken;    // by promise
  std::vector<std::string> error_examples;  // at most kMaxExamples
  std::map<int64_t, Second> timeline;
  Samples ttft;        // due to first output, of all that had any
  Samples gap;         // between one piece of output and the next
  Samples token_time;  // first to last output over tokens after the first
  Samples total;       // due to end, of finished requests
  Samples rejection;   // sent to the refusal
  Samples lateness;    // due to sent: this program's own delay
  AnswerBook answers;

  static constexpr size_t kMaxExamples = 5;

 private:
  void CountEnd(const CallRecord& record, Counts& tenant, Second& second);
  void CountFinished(const CallRecord& record, Counts& tenant, Second& second);
  void CountError(const CallRecord& record);

  const Nanos start_;
  const Nanos count_from_;
  const Nanos ttft_bound_;
  Nanos last_end_;
  Counts all_;
  std::vector<Counts> tenants_;
};

}  // namespace sluice::load
