#pragma once

// The engine and its thread: DrainMailbox -> Plan -> Run -> Sample -> Commit.

#include <atomic>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/concurrency/mailbox.h"
#include "common/concurrency/named_thread.h"
#include "services/generator/engine/admission_gate.h"
#include "services/generator/engine/engine_core.h"

namespace sluice::generator {

// Threads: any.
class Engine {
 public:
  // Starts the thread, which alone touches the runner from then on.
  // REQUIRES: CheckOptions is OK.
  Engine(const EngineOptions& options, const EngineParts& parts);
  // Ends what still runs with UNAVAILABLE. REQUIRES: outboxes may outlive the
  // engine, but are not read or cancelled any more.
  ~Engine();

  // Hands a request in. Its messages come out of the outbox, and so does any
  // later refusal. `on_ready` as in Outbox.
  // Errors: RESOURCE_EXHAUSTED with a retry delay when the mailbox or the queue
  // is full or the queue too slow for the operator's timeouts, UNAVAILABLE with
  // the reason DRAINING.
  absl::StatusOr<std::shared_ptr<Outbox>> Submit(
      Request request, std::function<void()> on_ready);

  // No new request is accepted; those inside go on.
  void Drain() { draining_.store(true); }
  bool draining() const { return draining_.load(); }

  // A busy engine makes steps. Errors: UNAVAILABLE when it has not for longer
  // than stall_limit_ms and twenty steps; the first step may take a minute.
  absl::Status Healthy() const;

 private:
  void Loop();
  void NoteStep(Nanos elapsed);
  Nanos StallLimit() const;

  const EngineOptions options_;
  EngineParts parts_;
  std::atomic<bool> draining_ = false;
  std::atomic<Nanos> beat_ = 0;           // the loop came round, 0: it rests
  std::atomic<Nanos> expected_step_ = 0;  // 0: none was made yet
  Mailbox<Submission> mailbox_;
  AdmissionGate gate_;
  EngineCore core_;  // engine thread only
  NamedThread thread_;
};

}  // namespace sluice::generator
