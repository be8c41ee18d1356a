#include "services/generator/engine/engine.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"
#include "services/generator/engine/invariants.h"

namespace sluice::generator {
namespace {

// Rests at most this long; everything that matters wakes it earlier.
constexpr Nanos kLongestRest = 3600 * kNanosPerSecond;
// Nobody knows yet how long a step of this model takes here.
constexpr Nanos kFirstStepLimit = 60 * kNanosPerSecond;
constexpr Nanos kStallSteps = 20;

absl::Status DrainingError() {
  return WithReason(absl::UnavailableError("generator: draining"),
                    kReasonDraining);
}

EngineParts WithGate(EngineParts parts, AdmissionGate& gate) {
  parts.gate = &gate;
  return parts;
}

// In builds for development: a leak shows itself where it is made.
void CheckAtRest([[maybe_unused]] const EngineCore& core) {
#ifdef SLUICE_CHECK_AT_REST
  const absl::Status status = CheckInvariants(core.scheduler());
  SLUICE_CHECK(status.ok(), std::string(status.message()));
  SLUICE_CHECK(!core.idle() || core.scheduler().block_counts().active == 0,
               "an idle engine holds no block");
#endif
}

}  // namespace

Engine::Engine(const EngineOptions& options, const EngineParts& parts)
    : options_(options),
      parts_(parts),
      mailbox_(static_cast<size_t>(options.max_mailbox)),
      core_(options, WithGate(parts, gate_)),
      thread_("engine", [this] { Loop(); }) {}

Engine::~Engine() {
  Drain();
  mailbox_.Close();
  thread_.Join();
}

absl::StatusOr<std::shared_ptr<Outbox>> Engine::Submit(
    Request request, std::function<void()> on_ready) {
  if (draining()) return DrainingError();
  RETURN_IF_ERROR(gate_.Enter(request));
  auto outbox = std::make_shared<Outbox>(options_.outbox, std::move(on_ready),
                                         [this] { mailbox_.Wake(); });
  Submission submission{std::move(request), outbox};
  const absl::Status pushed = mailbox_.TryPush(std::move(submission));
  if (pushed.ok()) return outbox;
  gate_.Leave(submission.request);
  if (absl::IsUnavailable(pushed)) return DrainingError();
  return WithRetryDelay(
      WithReason(pushed, kReasonQueueFull),
      std::max(options_.scheduler.retry_delay_ms * kNanosPerMilli,
               gate_.retry_delay()));
}

absl::Status Engine::Healthy() const {
  const Nanos beat = beat_.load();
  if (beat == 0) return absl::OkStatus();
  const Nanos since = parts_.clock.Now() - beat;
  const Nanos limit = StallLimit();
  if (since <= limit) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("engine: no step, got ", since / kNanosPerMilli,
                   " ms, limit ", limit / kNanosPerMilli, " ms"));
}

Nanos Engine::StallLimit() const {
  const Nanos floor = options_.stall_limit_ms * kNanosPerMilli;
  const Nanos expected = expected_step_.load();
  if (expected == 0) return std::max(floor, kFirstStepLimit);
  return std::max(floor, kStallSteps * expected);
}

// The longest of late: rises at once, falls by an eighth a step.
void Engine::NoteStep(Nanos elapsed) {
  const Nanos expected = expected_step_.load();
  expected_step_.store(std::max({elapsed, expected - expected / 8, Nanos{1}}));
}

void Engine::Loop() {
  bool ran = false;
  while (!mailbox_.closed()) {
    std::vector<Submission> submissions;
    if (ran) {
      submissions = mailbox_.DrainAll();
    } else {
      CheckAtRest(core_);
      beat_.store(0);
      const Nanos rest = core_.NextWakeup() - parts_.clock.Now();
      submissions =
          mailbox_.WaitAndDrain(std::clamp<Nanos>(rest, 0, kLongestRest));
    }
    const Nanos began = parts_.clock.Now();
    beat_.store(began);
    for (Submission& submission : submissions) {
      gate_.Leave(submission.request);
      core_.Submit(std::move(submission));
    }
    ran = core_.Step();
    if (ran) NoteStep(parts_.clock.Now() - began);
  }
  const absl::Status end = DrainingError();
  for (Submission& submission : mailbox_.DrainAll()) {
    submission.outbox->Close(end);
  }
  core_.AbortAll(end);
  beat_.store(0);
}

}  // namespace sluice::generator
