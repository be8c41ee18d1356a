#include "services/gateway/pipeline/exchange.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/error_info.h"
#include "services/gateway/api/validator.h"
#include "services/gateway/pipeline/backend_status.h"

namespace sluice::gateway {

Exchange::Exchange(ExchangePlan plan, const Clock& clock,
                   RequestObserver& observer, std::function<void()> on_end)
    : plan_(std::move(plan)),
      clock_(clock),
      observer_(observer),
      on_end_(std::move(on_end)),
      answer_({.request_id = plan_.request_id,
               .model = plan_.route.model.name,
               .vocabulary_size = plan_.route.model.vocabulary_size},
              plan_.route.vocabulary, plan_.wish),
      account_(plan_.route_name, plan_.request_id, plan_.route.model.name,
               plan_.arrival) {}

void Exchange::StartChat(const api::ChatPrompt& prompt,
                         SharedIds public_prefix) {
  public_prefix_ = std::move(public_prefix);
  KeepTokenizerCall(plan_.route.tokenizer->RenderChat(
      prompt, plan_.deadline,
      [self = shared_from_this()](absl::StatusOr<std::vector<int32_t>> ids) {
        self->OnPrompt(std::move(ids));
      }));
}

void Exchange::StartText(const std::string& text) {
  KeepTokenizerCall(plan_.route.tokenizer->Tokenize(
      text, plan_.deadline,
      [self = shared_from_this()](absl::StatusOr<std::vector<int32_t>> ids) {
        self->OnPrompt(std::move(ids));
      }));
}

void Exchange::KeepTokenizerCall(std::shared_ptr<Call> call) {
  {
    absl::MutexLock lock(&mutex_);
    if (!ended_) {
      tokenizer_call_ = std::move(call);
      return;
    }
  }
  call->Cancel();
}

void Exchange::OnPrompt(absl::StatusOr<std::vector<int32_t>> ids) {
  if (!ids.ok()) return End(FromBackend("tokenizer", ids.status()));
  const absl::Status fits = api::ValidatePromptTokens(
      plan_.prompt_field, static_cast<int64_t>(ids->size()),
      plan_.route.model.context_length);
  if (!fits.ok()) return End(fits);
  Observation observation;
  {
    absl::MutexLock lock(&mutex_);
    if (ended_) return;
    answer_.OnPrompt(*ids);
    observation = account_.OnPrompt(ids->size(), clock_.Now());
  }
  observation.TellTo(observer_);
  OpenStream(*std::move(ids));
}

void Exchange::OpenStream(std::vector<int32_t> ids) {
  Handling handling = plan_.handling;
  if (public_prefix_ != nullptr && !handling.bypass_prefix_cache) {
    handling.public_prefix_tokens = CommonPrefix(ids, *public_prefix_);
  }
  std::shared_ptr<GeneratorStream> stream = plan_.route.generator->Generate(
      {.request_id = plan_.request_id,
       .number = 1,
       .prompt_ids = std::move(ids),
       .params = plan_.params,
       .handling = std::move(handling),
       .vocabulary_hash = plan_.route.model.vocabulary_hash,
       .deadline = plan_.deadline});
  bool ended = false;
  bool read = false;
  {
    absl::MutexLock lock(&mutex_);
    ended = ended_;
    if (!ended) {
      stream_ = stream;
      read = waiting_ != nullptr;
      waiting_since_ = clock_.Now();
      paused_since_ = waiting_since_;
    }
  }
  if (ended) return stream->Cancel();
  if (read) ReadOn(*stream);
}

void Exchange::Next(NextCallback done) {
  absl::StatusOr<std::optional<api::Event>> outcome(std::nullopt);
  std::shared_ptr<GeneratorStream> stream;
  {
    absl::MutexLock lock(&mutex_);
    SLUICE_CHECK(waiting_ == nullptr, "one Next waits at a time");
    if (ended_) {
      if (!status_.ok()) outcome = status_;
    } else if (!ready_.empty()) {
      outcome = std::optional(std::move(ready_.front()));
      ready_.pop_front();
      paused_since_ = clock_.Now();
    } else {
      std::swap(waiting_, done);
      waiting_since_ = clock_.Now();
      stream = stream_;
    }
  }
  // Still ours: the answer is known.
  if (done != nullptr) return done(std::move(outcome));
  if (stream != nullptr) ReadOn(*stream);
}

void Exchange::ReadOn(GeneratorStream& stream) {
  stream.Read([self = shared_from_this()](
                  absl::StatusOr<std::optional<GeneratorEvent>> event) {
    self->OnGeneratorEvent(std::move(event));
  });
}

void Exchange::OnGeneratorEvent(
    absl::StatusOr<std::optional<GeneratorEvent>> event) {
  if (!event.ok()) return End(FromBackend("generator", event.status()));
  if (!event->has_value()) return OnGeneratorEnd();
  Observation observation;
  absl::StatusOr<std::vector<api::Event>> taken =
      TakeEvent(*std::move(*event), observation);
  if (!taken.ok()) return End(taken.status());
  observation.TellTo(observer_);
  Deliver(*std::move(taken));
}

absl::StatusOr<std::vector<api::Event>> Exchange::TakeEvent(
    GeneratorEvent event, Observation& observation) {
  absl::MutexLock lock(&mutex_);
  if (ended_) return status_;
  absl::StatusOr<std::vector<api::Event>> taken =
      answer_.Take(std::move(event));
  // What the books ask of several Deltas is all in the first.
  if (taken.ok()) observation = account_.OnEvent(taken->front(), clock_.Now());
  return taken;
}

void Exchange::OnGeneratorEnd() {
  bool complete = false;
  {
    absl::MutexLock lock(&mutex_);
    complete = answer_.complete();
  }
  End(complete ? absl::OkStatus()
               : absl::InternalError(
                     "generator: broke its contract, no Finished at the end"));
}

void Exchange::Deliver(std::vector<api::Event> events) {
  NextCallback done;
  {
    absl::MutexLock lock(&mutex_);
    if (ended_) return;
    done = std::exchange(waiting_, nullptr);
    paused_since_ = clock_.Now();
    ready_.assign(std::make_move_iterator(events.begin() + 1),
                  std::make_move_iterator(events.end()));
  }
  SLUICE_CHECK(done != nullptr, "the Generator is read only for a Next");
  done(std::optional<api::Event>(std::move(events.front())));
}

void Exchange::Cancel(absl::Status why) { End(std::move(why)); }

void Exchange::Tick(Nanos now) {
  if (now >= plan_.deadline) {
    return End(absl::DeadlineExceededError(absl::StrCat(
        "request: took too long, got ", (now - plan_.arrival) / kNanosPerMilli,
        " ms, limit ", (plan_.deadline - plan_.arrival) / kNanosPerMilli,
        " ms")));
  }
  absl::Status pace = JudgePace(now);
  if (!pace.ok()) End(std::move(pace));
}

absl::Status Exchange::JudgePace(Nanos now) const {
  absl::MutexLock lock(&mutex_);
  if (stream_ == nullptr) return absl::OkStatus();
  if (waiting_ != nullptr) {
    if (now - waiting_since_ <= plan_.max_silence) return absl::OkStatus();
    return absl::UnavailableError(
        absl::StrCat("generator: silent for more than ",
                     plan_.max_silence / kNanosPerMilli, " ms"));
  }
  const Nanos paused = now - paused_since_;
  if (paused <= plan_.max_pause) return absl::OkStatus();
  return WithReason(absl::ResourceExhaustedError(absl::StrCat(
                        "stream: the reader is too slow, took nothing for ",
                        paused / kNanosPerMilli, " ms, limit ",
                        plan_.max_pause / kNanosPerMilli, " ms")),
                    "SLOW_READER");
}

void Exchange::OnEndUnread(std::function<void()> listener) {
  absl::MutexLock lock(&mutex_);
  if (!ended_) on_end_unread_ = std::move(listener);
}

std::optional<Nanos> Exchange::paused_since() const {
  absl::MutexLock lock(&mutex_);
  if (stream_ == nullptr || waiting_ != nullptr) return std::nullopt;
  return paused_since_;
}

void Exchange::End(absl::Status status) {
  status = TellWhenToRetry(std::move(status), plan_.retry_delay);
  NextCallback done;
  std::shared_ptr<Call> tokenizer_call;
  std::shared_ptr<GeneratorStream> stream;
  std::function<void()> unread;
  RequestRecord record;
  {
    absl::MutexLock lock(&mutex_);
    if (ended_) return;
    ended_ = true;
    ready_.clear();
    std::swap(unread, on_end_unread_);
    status_ = status;
    done = std::exchange(waiting_, nullptr);
    tokenizer_call = std::move(tokenizer_call_);
    stream = std::move(stream_);
    record = account_.Close(status.code(), clock_.Now());
  }
  if (tokenizer_call != nullptr) tokenizer_call->Cancel();
  if (stream != nullptr) stream->Cancel();
  observer_.OnEnd(record);
  on_end_();
  if (done == nullptr) {
    if (unread != nullptr) unread();
    return;
  }
  if (!status.ok()) return done(std::move(status));
  done(std::optional<api::Event>());
}

}  // namespace sluice::gateway
