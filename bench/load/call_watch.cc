#include "bench/load/call_watch.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/utf8.h"

namespace sluice::load {

CallWatch::CallWatch(const PlannedRequest& request, Nanos due, Nanos sent)
    : max_new_tokens_(request.max_new_tokens) {
  record_.index = request.index;
  record_.tenant = request.tenant;
  record_.question = request.question;
  record_.slow = request.slow;
  record_.due = due;
  record_.sent = sent;
}

void CallWatch::OnStarted() {
  if (started_) Violate("started twice");
  started_ = true;
}

void CallWatch::OnText(std::string_view text, int32_t tokens, Nanos now) {
  if (!IsValidUtf8(text)) Violate("text that is not whole UTF-8");
  if (text.empty() && tokens == 0) return;  // a sign of life
  record_.text_bytes += static_cast<int64_t>(text.size());
  if (record_.question >= 0) record_.answer.append(text);
  OnOutput(tokens, now);
}

void CallWatch::OnIds(const std::vector<int32_t>& ids, Nanos now) {
  if (ids.empty()) return;
  if (record_.question >= 0) {
    for (const int32_t id : ids) absl::StrAppend(&record_.answer, id, " ");
  }
  OnOutput(static_cast<int64_t>(ids.size()), now);
}

void CallWatch::OnOutput(int64_t tokens, Nanos now) {
  if (!started_) Violate("output before Started");
  if (finished_count_ > 0) Violate("output after Finished");
  if (record_.first == 0) {
    record_.first = now;
  } else {
    record_.gaps.push_back(now - record_.last);
  }
  record_.last = now;
  record_.tokens += tokens;
  if (record_.tokens > max_new_tokens_) Violate("more tokens than asked for");
}

void CallWatch::OnFinished(const FinishReport& report) {
  if (!started_) Violate("Finished before Started");
  if (++finished_count_ > 1) Violate("Finished twice");
  record_.prompt_tokens = report.prompt_tokens;
  record_.cached_tokens = report.cached_tokens;
  generated_tokens_ = report.generated_tokens;
  if (generated_tokens_ > max_new_tokens_)
    Violate("more tokens than asked for");
  if (record_.tokens > generated_tokens_) {
    Violate("more tokens sent than the usage says");
  }
  if (report.cached_tokens > report.prompt_tokens) {
    Violate("more tokens cached than the prompt has");
  }
}

void CallWatch::Violate(std::string_view sentence) {
  if (record_.violation.empty()) record_.violation = std::string(sentence);
}

void CallWatch::CheckEnd() {
  if (record_.status.ok() && finished_count_ == 0) {
    Violate("ended OK without Finished");
  }
  if (!record_.status.ok() && finished_count_ > 0 &&
      record_.cut == Cut::kNone) {
    Violate("an error after Finished");
  }
}

CallRecord CallWatch::End(const absl::Status& status, Cut cut, Nanos now) {
  record_.status = status;
  record_.cut = cut;
  record_.ended = now;
  CheckEnd();
  record_.finished = status.ok() && finished_count_ > 0;
  // The usage also counts what ended the answer without being part of it.
  if (record_.finished) record_.tokens = generated_tokens_;
  return std::move(record_);
}

}  // namespace sluice::load
