#include "bench/load/results.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/status_table.h"

namespace sluice::load {

Results::Results(const LoadOptions& options, Nanos start)
    : start_(start),
      count_from_(start +
                  static_cast<Nanos>(options.pace.warmup_s * kNanosPerSecond)),
      ttft_bound_(options.ttft_bound_ms * kNanosPerMilli),
      last_end_(start),
      tenants_(std::max<size_t>(options.workload.tenants.size(), 1)) {}

void Results::AddNotSent(Nanos due) {
  if (due >= count_from_) ++not_sent;
}

void Results::Add(CallRecord record) {
  last_end_ = std::max(last_end_, record.ended);
  answers.Check(record);
  if (!record.violation.empty()) {
    ++violations;
    ++broken[record.violation];
  }
  if (record.due < count_from_) return;
  Counts& tenant = tenants_[record.tenant];
  Second& second = timeline[(record.due - start_) / kNanosPerSecond];
  for (Counts* counts : {&all_, &tenant, &second.counts}) {
    ++counts->sent;
    counts->tokens += record.tokens;
  }
  lateness.Add(record.sent - record.due);
  if (record.first != 0) {
    ttft.Add(record.first - record.due);
    gap.Add(record.gaps);
    if (record.tokens > 1) {
      token_time.Add((record.last - record.first) / (record.tokens - 1));
    }
  }
  CountEnd(record, tenant, second);
}

void Results::CountEnd(const CallRecord& record, Counts& tenant,
                       Second& second) {
  if (record.finished) return CountFinished(record, tenant, second);
  if (record.cut == Cut::kEnd) {
    ++unfinished;
  } else if (record.cut == Cut::kPlanned) {
    for (Counts* counts : {&all_, &tenant, &second.counts}) {
      ++counts->cancelled;
    }
  } else if (absl::IsResourceExhausted(record.status) && record.first == 0) {
    for (Counts* counts : {&all_, &tenant, &second.counts}) {
      ++counts->rejected;
    }
    rejection.Add(record.ended - record.sent);
    if (!RetryDelayOf(record.status).has_value()) ++without_retry;
  } else {
    CountError(record);
  }
}

void Results::CountFinished(const CallRecord& record, Counts& tenant,
                            Second& second) {
  const Nanos waited = record.first - record.due;
  const bool good = record.first != 0 && waited <= ttft_bound_;
  for (Counts* counts : {&all_, &tenant, &second.counts}) {
    ++counts->finished;
    if (good) ++counts->good;
  }
  prompt_tokens += record.prompt_tokens;
  cached_tokens += record.cached_tokens;
  total.Add(record.ended - record.due);
  if (record.first != 0) second.ttft.Add(waited);
}

void Results::CountError(const CallRecord& record) {
  const std::string code(CodeName(record.status.code()));
  ++errors[code];
  if (error_examples.size() < kMaxExamples) {
    error_examples.push_back(absl::StrCat(code, ": ", record.status.message()));
  }
}

}  // namespace sluice::load
