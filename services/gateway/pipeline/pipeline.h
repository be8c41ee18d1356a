#pragma once

// The way in for both faces: judge, admit, pick, resolve parameters, draw the
// seed, set the exchange going.

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "services/gateway/api/request.h"
#include "services/gateway/api/validator.h"
#include "services/gateway/pipeline/exchange.h"
#include "services/gateway/pipeline/observer.h"
#include "services/gateway/pipeline/ports.h"
#include "services/gateway/presets/presets.h"

namespace sluice::gateway {

struct PipelineOptions {
  int64_t max_in_flight = 1024;          // requests; beyond: RESOURCE_EXHAUSTED
  int64_t request_timeout_ms = 120'000;  // when the client names none
  int64_t max_request_timeout_ms = 600'000;  // whatever the client names
  int64_t max_silence_ms = 15'000;          // of a Generator that is being read
  int64_t slow_reader_timeout_ms = 30'000;  // of a client that takes nothing
  int64_t retry_delay_ms = 1'000;           // told to who is refused
};

// Lent to the pipeline for its life.
struct PipelineParts {
  RouterPort& router;
  const PresetCatalog& presets;
  const Clock& clock;
  RandomSource& random;
  RequestObserver& observer;
  const PublicPrefixes* public_prefixes = nullptr;  // null: none
};

// Threads: any. Destroy it only when in_flight() is 0 and the faces have ended.
class Pipeline {
 public:
  Pipeline(const PipelineOptions& options, const PipelineParts& parts);
  ~Pipeline();

  // `route` is a literal, the name of the way in. Errors: INVALID_ARGUMENT,
  // NOT_FOUND (model, preset), RESOURCE_EXHAUSTED with a retry delay,
  // ALREADY_EXISTS (request_id in flight), UNAVAILABLE (no backend; draining).
  absl::StatusOr<std::shared_ptr<Exchange>> Start(std::string_view route,
                                                  api::ChatRequest request);
  absl::StatusOr<std::shared_ptr<Exchange>> Start(
      std::string_view route, api::CompletionRequest request);

  // For a face that could not make a request of what came: counts the refusal
  // and returns it, as Start would. REQUIRES: !status.ok().
  absl::Status Refused(std::string_view route, absl::Status status) const;

  // What can be asked for; empty while not ready.
  std::vector<ModelInfo> Models() const { return parts_.router.Models(); }

  // Call it a few times a second: deadlines and silence are judged here.
  void Tick();
  // From now on every Start is UNAVAILABLE with reason DRAINING.
  void BeginDrain();
  // Ends everything in flight with UNAVAILABLE.
  void CancelAll();
  size_t in_flight() const;
  // Requests whose client has taken nothing for a while, though there is more.
  size_t paused() const;

 private:
  // What a request asks for beside its options.
  struct Asked {
    std::string prompt_field;
    const api::ChatPrompt* chat = nullptr;  // null: a completion
  };

  // Errors as Start.
  absl::StatusOr<std::shared_ptr<Exchange>> Admit(std::string_view route,
                                                  api::RequestOptions options,
                                                  Asked asked, Nanos arrival);
  absl::StatusOr<ExchangePlan> Plan(std::string_view route,
                                    api::RequestOptions options,
                                    const Asked& asked) const;
  // OK while one more request may be in flight.
  absl::Status Room() const;
  absl::Status RoomLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Enter(const std::string& request_id,
                     std::shared_ptr<Exchange> exchange);
  void Leave(const std::string& request_id);
  absl::Status Refuse(std::string_view route,
                      const api::RequestOptions& options, Nanos arrival,
                      absl::Status status) const;
  std::vector<std::shared_ptr<Exchange>> Snapshot() const;

  const PipelineOptions options_;
  const PipelineParts parts_;
  mutable absl::Mutex mutex_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  // By request id; at most max_in_flight.
  std::map<std::string, std::shared_ptr<Exchange>> in_flight_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::gateway
