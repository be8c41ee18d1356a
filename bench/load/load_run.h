#pragma once

// One run: sends what is due, or what the clients may send, and collects the
// records until the last call has ended.

#include <functional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "bench/load/event_loop.h"
#include "bench/load/options.h"
#include "bench/load/results.h"
#include "bench/load/transport.h"

namespace sluice::load {

// Where a run stands.
struct Standing {
  double elapsed_s = 0;
  int64_t planned = 0;  // 0: not known
  int64_t in_flight = 0;
  const Results* results = nullptr;
};

// What a run asks and tells while it goes on. Either may be empty.
struct RunHooks {
  std::function<bool()> interrupted;
  std::function<void(const Standing&)> on_tick;
};

// Threads: one. The parts are lent.
class LoadRun {
 public:
  LoadRun(const LoadOptions& options, EventLoop& loop, Transport& transport,
          RunHooks hooks);

  // Returns when every call has ended. Once.
  void Run();

  Results& results() { return results_; }
  bool was_interrupted() const { return interrupted_; }
  // Time over which requests were due and counted.
  double counted_seconds() const;

 private:
  struct Flight {
    EventLoop::TimerId cancel{};
  };

  void SendDue();
  void SendNext();
  bool MaySendMore() const;
  void Send(Nanos due);
  void OnEnd(CallRecord record);
  void AfterEnd(const absl::Status& status);
  void Tick();
  void StopSending();
  void CutAll();
  void EndIfDone();

  const LoadOptions options_;
  EventLoop& loop_;
  Transport& transport_;
  const RunHooks hooks_;
  const bool open_;  // open loop
  const Nanos start_;
  std::vector<Nanos> arrivals_;  // open loop: since start
  size_t next_arrival_ = 0;
  int64_t next_index_ = 0;
  bool sending_ = true;
  bool cutting_ = false;
  bool interrupted_ = false;
  Nanos stopped_at_ = 0;  // when sending stopped
  absl::flat_hash_map<int64_t, Flight> in_flight_;
  Results results_;
};

}  // namespace sluice::load
