#include "bench/load/load_run.h"

#include <algorithm>
#include <utility>

#include "common/base/error_info.h"
#include "common/base/random.h"

namespace sluice::load {
namespace {

constexpr Nanos kTick = 200 * kNanosPerMilli;
constexpr uint64_t kArrivalStream = 0x617272697661;

Nanos ToNanos(double seconds) {
  return static_cast<Nanos>(seconds * static_cast<double>(kNanosPerSecond));
}

}  // namespace

LoadRun::LoadRun(const LoadOptions& options, EventLoop& loop,
                 Transport& transport, RunHooks hooks)
    : options_(options),
      loop_(loop),
      transport_(transport),
      hooks_(std::move(hooks)),
      open_(!options.pace.phases.empty()),
      start_(loop.Now()),
      results_(options, start_) {
  if (!open_) return;
  SeededRandom random(options.workload.seed ^ kArrivalStream);
  arrivals_ = DrawArrivals(options.pace.phases, options.pace.poisson, random);
}

void LoadRun::Run() {
  loop_.At(start_ + kTick, [this] { Tick(); });
  if (open_) {
    loop_.At(start_, [this] { SendDue(); });
  } else {
    for (int32_t i = 0; i < options_.pace.clients; ++i) {
      loop_.At(start_, [this] { SendNext(); });
    }
  }
  loop_.Run();
}

void LoadRun::SendDue() {
  const Nanos now = loop_.Now();
  while (sending_ && next_arrival_ < arrivals_.size() &&
         start_ + arrivals_[next_arrival_] <= now) {
    const Nanos due = start_ + arrivals_[next_arrival_++];
    if (in_flight_.size() < static_cast<size_t>(options_.pace.max_in_flight)) {
      Send(due);
    } else {
      ++next_index_;
      results_.AddNotSent(due);
    }
  }
  if (!sending_) return;
  if (next_arrival_ == arrivals_.size()) return StopSending();
  loop_.At(start_ + arrivals_[next_arrival_], [this] { SendDue(); });
}

bool LoadRun::MaySendMore() const {
  const PaceOptions& pace = options_.pace;
  if (!sending_) return false;
  if (pace.requests > 0 && next_index_ >= pace.requests) return false;
  return pace.duration_s == 0 ||
         loop_.Now() < start_ + ToNanos(pace.duration_s);
}

void LoadRun::SendNext() {
  if (MaySendMore()) Send(loop_.Now());
  if (!MaySendMore()) StopSending();
}

void LoadRun::Send(Nanos due) {
  const PlannedRequest request = PlanRequest(
      options_.workload, options_.target.face == "generator", next_index_++);
  const int64_t index = request.index;
  Flight& flight = in_flight_[index];
  if (request.cancel_after.has_value()) {
    flight.cancel = loop_.At(due + *request.cancel_after, [this, index] {
      transport_.Cancel(index, Cut::kPlanned);
    });
  }
  transport_.Start(request, due,
                   [this](CallRecord record) { OnEnd(std::move(record)); });
}

void LoadRun::OnEnd(CallRecord record) {
  const auto found = in_flight_.find(record.index);
  loop_.Forget(found->second.cancel);
  in_flight_.erase(found);
  const absl::Status status = record.status;
  results_.Add(std::move(record));
  if (!open_) AfterEnd(status);
  EndIfDone();
}

void LoadRun::AfterEnd(const absl::Status& status) {
  // A client that was told to wait does so, and one that failed for another
  // reason does not hammer the server.
  const Nanos pause = status.ok() || absl::IsCancelled(status)
                          ? 0
                          : RetryDelayOf(status).value_or(kTick);
  loop_.At(loop_.Now() + pause, [this] { SendNext(); });
}

void LoadRun::Tick() {
  if (!interrupted_ && hooks_.interrupted && hooks_.interrupted()) {
    interrupted_ = true;
    StopSending();
    CutAll();
  }
  if (!open_ && !MaySendMore()) StopSending();
  if (!sending_ && !cutting_ &&
      loop_.Now() >= stopped_at_ + ToNanos(options_.pace.drain_s)) {
    CutAll();
  }
  if (hooks_.on_tick) {
    hooks_.on_tick({.elapsed_s = ToSeconds(loop_.Now() - start_),
                    .planned = open_ ? static_cast<int64_t>(arrivals_.size())
                                     : options_.pace.requests,
                    .in_flight = static_cast<int64_t>(in_flight_.size()),
                    .results = &results_});
  }
  EndIfDone();
  loop_.At(loop_.Now() + kTick, [this] { Tick(); });
}

void LoadRun::StopSending() {
  if (sending_) stopped_at_ = loop_.Now();
  sending_ = false;
  EndIfDone();
}

void LoadRun::CutAll() {
  cutting_ = true;
  for (const auto& [index, flight] : in_flight_) {
    transport_.Cancel(index, Cut::kEnd);
  }
}

void LoadRun::EndIfDone() {
  if (!sending_ && in_flight_.empty()) loop_.Stop();
}

double LoadRun::counted_seconds() const {
  Nanos end = results_.last_end();
  if (open_ && !interrupted_) {
    end = start_ + TotalDuration(options_.pace.phases);
  } else if (interrupted_) {
    end = stopped_at_;
  }
  return ToSeconds(std::max<Nanos>(end - results_.count_from(), 0));
}

}  // namespace sluice::load
