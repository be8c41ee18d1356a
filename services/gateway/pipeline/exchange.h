#pragma once

// One request from admission to its end: tokenize, generate, decode. The face
// pulls events one by one; what it does not pull is not read from the
// Generator, so a slow client holds back its own request and nothing else.

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "services/gateway/api/event.h"
#include "services/gateway/pipeline/account.h"
#include "services/gateway/pipeline/answer.h"
#include "services/gateway/pipeline/observer.h"
#include "services/gateway/pipeline/ports.h"
#include "services/gateway/pipeline/public_prefixes.h"

namespace sluice::gateway {

// All that is known of a request once it is admitted.
struct ExchangePlan {
  std::string_view route_name;  // a literal
  std::string request_id;
  Route route;
  api::SamplingParams params;  // complete, the seed included
  Handling handling;
  AnswerWish wish;           // what the answer is read for
  std::string prompt_field;  // what the client called the prompt
  Nanos arrival = 0;
  Nanos deadline = 0;
  Nanos max_silence = 0;  // of a Generator that is being read
  Nanos max_pause = 0;    // of a client that takes nothing
  Nanos retry_delay = 0;  // told to a client whose request was not its fault
};

// Shared, because calls to other services hold it until they answer.
// Threads: any; callbacks run without locks held.
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  // An event; nothing after the last; or how the request failed.
  using NextCallback =
      std::function<void(absl::StatusOr<std::optional<api::Event>>)>;

  // `on_end` runs once, when the request is over, before the face hears of
  // it. `clock` and `observer` must outlive the exchange.
  Exchange(ExchangePlan plan, const Clock& clock, RequestObserver& observer,
           std::function<void()> on_end);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Sets it going. REQUIRES: called once, one of the two.
  // `public_prefix` is what the ids of the chat may begin with that all
  // tenants share; null: nothing.
  void StartChat(const api::ChatPrompt& prompt,
                 SharedIds public_prefix = nullptr);
  void StartText(const std::string& text);

  // Asks for the next event. The callback comes exactly once, also before
  // this returns. REQUIRES: no callback is waiting.
  void Next(NextCallback done);

  // Ends the request with this status, which Next then answers, and cancels
  // whatever runs for it. Nothing when it has ended.
  void Cancel(absl::Status why = absl::CancelledError("request: cancelled"));

  // Ends it when it is past its deadline, its Generator has gone silent or its
  // client takes nothing.
  void Tick(Nanos now);

  // Runs `listener` if the request ends while no Next waits: the face is still
  // busy with the event before. REQUIRES: called once, before the first Next.
  void OnEndUnread(std::function<void()> listener);

  // Since when the face has not asked for an event that it could have; nothing
  // while it waits for one, before the Generator is asked and after the end.
  std::optional<Nanos> paused_since() const;

  const ExchangePlan& plan() const { return plan_; }

 private:
  void KeepTokenizerCall(std::shared_ptr<Call> call);
  void OnPrompt(absl::StatusOr<std::vector<int32_t>> ids);
  void OpenStream(std::vector<int32_t> ids);
  void ReadOn(GeneratorStream& stream);
  void OnGeneratorEvent(absl::StatusOr<std::optional<GeneratorEvent>> event);
  void OnGeneratorEnd();
  // The client's events, and what the observer must hear of them.
  absl::StatusOr<std::vector<api::Event>> TakeEvent(GeneratorEvent event,
                                                    Observation& observation);
  void Deliver(std::vector<api::Event> events);
  // UNAVAILABLE or RESOURCE_EXHAUSTED when one side has stood still too long.
  absl::Status JudgePace(Nanos now) const;
  void End(absl::Status status);

  const ExchangePlan plan_;
  const Clock& clock_;
  RequestObserver& observer_;
  const std::function<void()> on_end_;

  SharedIds public_prefix_;  // set before the Tokenizer is asked

  mutable absl::Mutex mutex_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  // The Generator is read only while this waits.
  NextCallback waiting_ ABSL_GUARDED_BY(mutex_);
  Nanos waiting_since_ ABSL_GUARDED_BY(mutex_) = 0;
  Nanos paused_since_ ABSL_GUARDED_BY(mutex_) = 0;  // while none waits
  std::function<void()> on_end_unread_ ABSL_GUARDED_BY(mutex_);
  // What else became of the Generator's last event; read before the next one,
  // so there is no more of it than one event holds.
  std::deque<api::Event> ready_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<Call> tokenizer_call_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<GeneratorStream> stream_ ABSL_GUARDED_BY(mutex_);
  Answer answer_ ABSL_GUARDED_BY(mutex_);
  Account account_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::gateway
