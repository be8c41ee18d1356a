#include "tests/simulation/client.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"

namespace sluice::generator {
namespace {

// Ids that a stop string and the ids without text beside it may hold back.
constexpr int64_t kHeldIds = 24;

}  // namespace

Client::Client(RequestFields fields, std::vector<ExpectedSequence> expected,
               const Habits& habits, Situations& situations)
    : fields_(std::move(fields)),
      expected_(std::move(expected)),
      habits_(habits),
      situations_(situations),
      prompt_(habits.takes_one_in == 1 && habits.takes_all &&
              habits.stalls_after_ids == 0),
      sequences_(expected_.size()) {
  fields_.attempt = 0;
  fields_.resumed.clear();
  for (size_t i = 0; i < expected_.size(); ++i) {
    const std::vector<int32_t>& shown = expected_[i].shown;
    sequences_[i].ids.assign(shown.begin(),
                             shown.begin() + expected_[i].replayed);
    ids_before_ += expected_[i].replayed;
  }
}

absl::Status Client::Wrong(const std::string& what) const {
  return absl::InternalError(absl::StrCat("stream of ", fields_.request_id,
                                          " attempt ", fields_.attempt, ": ",
                                          what));
}

RequestFields Client::NextAttempt() {
  ++fields_.attempt;
  RequestFields next = fields_;
  for (size_t i = 0; i < sequences_.size(); ++i) {
    sequences_[i].resumed = static_cast<int32_t>(sequences_[i].ids.size());
    if (sequences_[i].ids.empty()) continue;
    next.resumed.push_back({static_cast<int32_t>(i), sequences_[i].ids});
  }
  const bool midway = ids_delivered() > ids_before_;
  bool whole = midway;
  for (size_t i = 0; i < sequences_.size(); ++i) {
    whole = whole && sequences_[i].ids.size() == expected_[i].shown.size() &&
            expected_[i].end.reason == FinishReason::kLength;
  }
  for (size_t i = 0; i < sequences_.size(); ++i) {
    situations_.MetIf(expected_[i].BeginsStopAfter(sequences_[i].resumed),
                      Situation::kResumedWithinStop);
  }
  situations_.MetIf(!midway && ids_before_ > 0, Situation::kResumedForeign);
  situations_.MetIf(midway, Situation::kResumedMidway);
  situations_.MetIf(whole, Situation::kResumedWholeStream);
  return next;
}

void Client::Submitted(std::shared_ptr<Outbox> outbox,
                       const EngineOptions& options, Nanos now) {
  outbox_ = std::move(outbox);
  // A step may bring as many ids beyond the bound as it verified.
  const SpeculationOptions& speculation = options.scheduler.speculation;
  max_unread_ids_ =
      options.outbox.max_pending_ids +
      fields_.n * (kHeldIds + (speculation.on ? speculation.max_draft : 0));
  retry_delay_ = options.scheduler.retry_delay_ms * kNanosPerMilli;
  slow_reader_timeout_ = options.slow_reader_timeout_ms * kNanosPerMilli;
  submitted_at_ = now;
  queue_timeout_ = TighterTimeout(fields_.queue_timeout_ms,
                                  options.scheduler.queue_timeout_ms);
  first_token_timeout_ = TighterTimeout(
      fields_.first_token_timeout_ms, options.scheduler.first_token_timeout_ms);
  fault_expected_ = false;
  started_ = finished_ = any_token_ = false;
  unread_ids_taken_ = 0;
  for (Progressed& sequence : sequences_) sequence.ended = false;
  heard_at_ = caught_up_at_ = now;
  full_since_ = 0;
  live_started_at_ = 0;
  overdue_ = false;
  position_.reset();
  if (cancelled_) outbox_->Cancel();
}

int64_t Client::ids_delivered() const {
  int64_t count = 0;
  for (const Progressed& sequence : sequences_) {
    count += static_cast<int64_t>(sequence.ids.size());
  }
  return count;
}

void Client::Cancel() {
  cancelled_ = true;
  outbox_->Cancel();
  const bool any_ids = ids_delivered() > 0;
  situations_.MetIf(!started_, Situation::kCancelledQueued);
  situations_.MetIf(started_ && !any_ids, Situation::kCancelledInPrefill);
  situations_.MetIf(any_ids, Situation::kCancelledInDecode);
}

absl::Status Client::Act(Dice& dice, Nanos now) {
  ++turns_;
  if (cancelled_) return Drain(now);
  if (habits_.cancel_after_turns > 0 && turns_ >= habits_.cancel_after_turns) {
    Cancel();
    return absl::OkStatus();
  }
  if (!Reads(dice, now)) return absl::OkStatus();
  if (habits_.takes_all) return Drain(now);
  bool took = false;
  return TakeOne(now, took);
}

bool Client::Reads(Dice& dice, Nanos now) {
  if (now < stall_until_) return false;
  if (habits_.stalls_after_ids > 0 && !stalled_before_ &&
      ids_delivered() >= habits_.stalls_after_ids) {
    stalled_before_ = true;
    stall_until_ = now + habits_.stall_time;
    return false;
  }
  return habits_.takes_one_in == 1 || dice.OneIn(habits_.takes_one_in);
}

absl::Status Client::Drain(Nanos now) {
  bool took = true;
  while (took && !ended()) RETURN_IF_ERROR(TakeOne(now, took));
  return absl::OkStatus();
}

void Client::NoteStep(Nanos now) {
  if (!full()) {
    full_since_ = 0;
    return;
  }
  if (full_since_ == 0) full_since_ = now;
  overdue_ = now - full_since_ >= slow_reader_timeout_;
}

absl::Status Client::JudgeShown(const LiveRequest& live) const {
  const size_t prompt = fields_.prompt_ids.size();
  if (started_ && live.cached_tokens != cached_tokens_) {
    return Wrong("Started told of other cached tokens");
  }
  for (const Sequence& sequence : live.sequences) {
    const ExpectedSequence& expected = expected_[sequence.index];
    const Progressed& got = sequences_[sequence.index];
    const size_t generated = sequence.ids.size() - prompt;
    if (generated > static_cast<size_t>(expected.generated)) {
      return Wrong("more was generated than is allowed");
    }
    size_t due = expected.shown.size();
    if (generated < expected.shown_after.size()) {
      due = std::max(got.resumed, expected.shown_after[generated]);
      situations_.MetIf(due < generated, Situation::kHeldBack);
    }
    const bool all_read = prompt_ && !cancelled_ && started_;
    if (got.ids.size() > due || (all_read && got.ids.size() < due)) {
      return Wrong(absl::StrCat("sequence ", sequence.index, ": ",
                                got.ids.size(), " ids came of ", generated,
                                " generated, expected ", due));
    }
  }
  return absl::OkStatus();
}

absl::Status Client::TakeOne(Nanos now, bool& took) {
  Outbox::Taken taken = outbox_->Take();
  took = taken.message.has_value();
  if (took) {
    heard_at_ = now;
    return Judge(*taken.message, now);
  }
  if (taken.end.has_value()) return JudgeEnd(*taken.end, now);
  caught_up_at_ = now;
  unread_ids_taken_ = 0;
  return absl::OkStatus();
}

absl::Status Client::Judge(const StreamMessage& message, Nanos now) {
  if (finished_) return Wrong("something follows Finished");
  if (const auto* finished = std::get_if<Finished>(&message)) {
    RETURN_IF_ERROR(JudgeTimes(*finished, now));
  }
  return std::visit([this](const auto& body) { return Judge(body); }, message);
}

absl::Status Client::JudgeTimes(const Finished& finished, Nanos now) const {
  if (finished.queue_time < 0 || finished.prefill_time < 0 ||
      finished.decode_time < 0) {
    return Wrong("a time below 0");
  }
  if (finished.queue_time + finished.prefill_time + finished.decode_time >
      now - submitted_at_) {
    return Wrong("the times are longer than it was here");
  }
  if (live_started_at_ != 0 &&
      finished.queue_time != live_started_at_ - submitted_at_) {
    return Wrong("another queue time");
  }
  return absl::OkStatus();
}

absl::Status Client::Judge(const Queued& queued) {
  if (started_) return Wrong("Queued after Started");
  if (queued.position < 0) return Wrong("a position below 0");
  position_ = queued.position;
  situations_.Met(Situation::kSignQueued);
  return absl::OkStatus();
}

absl::Status Client::Judge(const Started& started) {
  if (started_) return Wrong("Started twice");
  started_ = true;
  if (started.prompt_tokens !=
          static_cast<int32_t>(fields_.prompt_ids.size()) ||
      started.cached_tokens < 0 ||
      started.cached_tokens > started.prompt_tokens) {
    return Wrong("Started counts other prompt tokens");
  }
  cached_tokens_ = started.cached_tokens;
  if (started.params.seed != fields_.params.seed.value_or(fields_.drawn_seed)) {
    return Wrong("another seed");
  }
  return absl::OkStatus();
}

absl::Status Client::Judge(const Progress& progress) {
  if (!started_) return Wrong("Progress before Started");
  if (progress.prompt_tokens_done < 0 ||
      progress.prompt_tokens_done >
          static_cast<int32_t>(fields_.prompt_ids.size())) {
    return Wrong("Progress beyond the prompt");
  }
  situations_.Met(Situation::kSignProgress);
  return absl::OkStatus();
}

absl::Status Client::Judge(const Delta& delta) {
  if (!started_) return Wrong("Delta before Started");
  if (delta.index < 0 || delta.index >= fields_.n) return Wrong("Delta.index");
  if (delta.ids.empty() && !delta.end.has_value()) {
    situations_.Met(Situation::kSignDelta);
    return absl::OkStatus();
  }
  Progressed& sequence = sequences_[delta.index];
  if (sequence.ended) return Wrong("Delta after the end of its sequence");
  situations_.MetIf(delta.ids.size() > 1, Situation::kDeltasMerged);
  unread_ids_taken_ += static_cast<int64_t>(delta.ids.size());
  if (habits_.takes_all && unread_ids_taken_ > max_unread_ids_) {
    return Wrong(absl::StrCat("the outbox held ", unread_ids_taken_,
                              " ids, limit ", max_unread_ids_));
  }
  const std::vector<int32_t>& expected = expected_[delta.index].shown;
  for (int32_t id : delta.ids) {
    const size_t at = sequence.ids.size();
    if (at >= expected.size()) return Wrong("more ids than expected");
    if (id != expected[at]) {
      return Wrong(absl::StrCat("sequence ", delta.index, " id ", at, ": got ",
                                id, ", expected ", expected[at]));
    }
    sequence.ids.push_back(id);
    any_token_ = true;
  }
  if (!delta.end.has_value()) return absl::OkStatus();
  sequence.ended = true;
  if (sequence.ids.size() != expected.size()) return Wrong("ids are missing");
  return JudgeSequenceEnd(delta.index, *delta.end);
}

absl::Status Client::JudgeSequenceEnd(int32_t index,
                                      const SequenceEnd& end) const {
  const SequenceEnd& expected = expected_[index].end;
  if (end.reason != expected.reason || end.matched_id != expected.matched_id ||
      end.matched_stop != expected.matched_stop) {
    return Wrong("a sequence ended otherwise");
  }
  // What an earlier attempt gave out is not cut again.
  const int32_t resumed = sequences_[index].resumed;
  if (end.trim_bytes != expected_[index].TrimAfter(resumed)) {
    return Wrong("trim_bytes differ");
  }
  return absl::OkStatus();
}

absl::Status Client::Judge(const Finished& finished) {
  if (!started_) return Wrong("Finished before Started");
  finished_ = true;
  if (finished.ends.size() != sequences_.size()) return Wrong("ends missing");
  int32_t generated = 0;
  for (size_t i = 0; i < sequences_.size(); ++i) {
    if (!sequences_[i].ended) return Wrong("Finished before a sequence's end");
    RETURN_IF_ERROR(
        JudgeSequenceEnd(static_cast<int32_t>(i), finished.ends[i]));
    generated += expected_[i].generated;
    const FinishReason reason = finished.ends[i].reason;
    const bool string = !finished.ends[i].matched_stop.empty();
    situations_.MetIf(expected_[i].StopSpans(sequences_[i].resumed),
                      Situation::kStopAcrossResume);
    situations_.MetIf(reason == FinishReason::kLength &&
                          static_cast<int32_t>(fields_.prompt_ids.size()) +
                                  expected_[i].generated ==
                              kSimContext,
                      Situation::kContextUsedUp);
    situations_.MetIf(reason == FinishReason::kEos, Situation::kEndedByEos);
    situations_.MetIf(reason == FinishReason::kLength,
                      Situation::kEndedByLength);
    situations_.MetIf(string, Situation::kEndedByStopString);
    situations_.MetIf(reason == FinishReason::kStop && !string,
                      Situation::kEndedByStopId);
  }
  if (finished.generated_tokens != generated ||
      finished.cached_tokens != cached_tokens_ ||
      finished.prompt_tokens !=
          static_cast<int32_t>(fields_.prompt_ids.size())) {
    return Wrong("Finished counts other tokens");
  }
  return absl::OkStatus();
}

bool Client::RightlyExhausted(const absl::Status& end, Nanos now) {
  const std::string reason = ReasonOf(end).value_or("");
  const Nanos waited = now - submitted_at_;
  if (reason == "SLOW_READER") {
    situations_.Met(Situation::kSlowReaderEnded);
    return !prompt_ && overdue_ && now - caught_up_at_ >= slow_reader_timeout_;
  }
  if (!IsRetryDelay(RetryDelayOf(end), retry_delay_)) return false;
  if (reason == kReasonQueueTimeout) {
    situations_.Met(Situation::kQueueTimeout);
    return !started_ && waited >= queue_timeout_;
  }
  if (reason == kReasonFirstTokenTimeout) {
    situations_.Met(Situation::kFirstTokenTimeout);
    return !any_token_ && waited >= first_token_timeout_;
  }
  return false;
}

absl::Status Client::JudgeEnd(const absl::Status& end, Nanos now) {
  end_ = end;
  if (end.ok() != finished_) return Wrong("OK and Finished do not agree");
  bool rightly = false;
  switch (end.code()) {
    case absl::StatusCode::kOk:
      rightly = true;
      break;
    case absl::StatusCode::kCancelled:
      rightly = cancelled_;
      break;
    case absl::StatusCode::kDeadlineExceeded:
      rightly = fields_.deadline <= now;
      situations_.Met(started_ ? Situation::kDeadlineAfterStart
                               : Situation::kDeadlineBeforeStart);
      break;
    case absl::StatusCode::kResourceExhausted:
      rightly = RightlyExhausted(end, now);
      break;
    case absl::StatusCode::kInternal:
      rightly = fault_expected_;
      break;
    default:
      break;
  }
  if (rightly) return absl::OkStatus();
  return Wrong("ended without a cause: " + end.ToString());
}

}  // namespace sluice::generator
