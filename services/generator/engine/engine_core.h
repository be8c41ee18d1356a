#pragma once

// The engine without its thread: what one owner drives step by step, be it the
// engine thread or a simulator.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/vocabulary/vocabulary.h"
#include "services/generator/engine/admission_gate.h"
#include "services/generator/engine/engine_trace.h"
#include "services/generator/engine/generator_metrics.h"
#include "services/generator/engine/load_board.h"
#include "services/generator/engine/outbox.h"
#include "services/generator/runner/model_runner.h"
#include "services/generator/sampler/sampler.h"
#include "services/generator/scheduler/request.h"
#include "services/generator/scheduler/scheduler.h"
#include "services/generator/scheduler/step_pacer.h"

namespace sluice::generator {

struct EngineOptions {
  SchedulerOptions scheduler;
  StepPacerOptions pacer;
  OutboxLimits outbox;
  // Requests between the service and the engine thread.
  int32_t max_mailbox = 256;
  // A stream carries something at least this often.
  int32_t alive_interval_ms = 800;
  // A reader whose outbox is full this long loses its request.
  int32_t slow_reader_timeout_ms = 30'000;
  // A busy engine without a finished step for this long, and for twenty times
  // as long as its steps take, is unhealthy.
  int32_t stall_limit_ms = 10'000;
};

// Errors: INVALID_ARGUMENT "field: what, got, limit".
absl::Status CheckOptions(const EngineOptions& options);

// All lent to the engine for its life.
struct EngineParts {
  ModelRunner& runner;
  const Vocabulary& vocabulary;
  const Clock& clock;
  GeneratorMetrics& metrics;
  LoadBoard& board;
  AdmissionGate* gate = nullptr;  // told of the room in the queue; may be null
  EngineTrace* trace = nullptr;   // null: none is wanted
  DraftSource* drafts = nullptr;  // null: by prompt lookup
};

// A request on its way in.
struct Submission {
  Request request;
  std::shared_ptr<Outbox> outbox;  // shared with its reader
};

// Threads: engine thread only.
class EngineCore {
 public:
  // REQUIRES: CheckOptions is OK.
  EngineCore(const EngineOptions& options, const EngineParts& parts);

  // Accepts the request, or closes its outbox with the reason why not: those
  // of Scheduler::Submit, ALREADY_EXISTS when the same or a later attempt is
  // in flight. A later attempt ends the earlier one with CANCELLED.
  void Submit(Submission submission);

  // Cancels, pauses, one step of the model, events to the outboxes, signs of
  // life. False when nothing could run.
  bool Step();

  // When Step has something to do although nothing new came in.
  Nanos NextWakeup() const;
  // True while no request is alive.
  bool idle() const { return streams_.empty(); }

  // Ends every request with `status`.
  void AbortAll(const absl::Status& status);

  const Scheduler& scheduler() const { return scheduler_; }

 private:
  struct Stream {
    std::shared_ptr<Outbox> outbox;
    std::string request_id;
    Nanos sent_at = 0;    // 0: nothing yet
    Nanos paused_at = 0;  // 0: not paused
    bool started = false;
    bool decoding = false;
    int32_t prompt_tokens_done = 0;
  };
  struct Flight {
    int32_t attempt;
    Ticket ticket;
  };

  void AbortCancelled();
  void UpdatePauses(Nanos now);
  void RunStep(const PlannedStep& step, Nanos started_at);
  std::vector<absl::StatusOr<int32_t>> Sample(const PlannedStep& step,
                                              const LogitsView& logits);
  void Record(const PlannedStep& step, const StepOutcome& outcome,
              Nanos elapsed);
  void Deliver(Nanos now);
  void Deliver(Ticket ticket, Stream& stream, TokenEvent& event, Nanos now);
  void Close(Ticket ticket, const absl::Status& status);
  void CountAborted(const Failed& failed);
  void SendSignsOfLife(Nanos now);
  void Publish(bool busy);
  void PublishCounters(const SchedulerCounts& counts);

  const EngineOptions options_;
  EngineParts parts_;
  Scheduler scheduler_;
  Sampler sampler_;
  StepPacer pacer_;
  Ticket last_ticket_ = 0;
  Nanos last_step_ = 0;
  SchedulerCounts published_;  // what the counters have been told
  std::map<Ticket, Stream> streams_;
  absl::flat_hash_map<std::string, Flight> in_flight_;  // by request id
};

}  // namespace sluice::generator
