#include "tests/same_bits/situations.h"

#include <map>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace sluice::generator {
namespace {

using Phases = std::vector<std::vector<RequestFields>>;

struct Situation {
  std::string name;
  Phases phases = {};
  int32_t prefill_rows = 512;
  int32_t max_running = 64;
  int64_t positions = 0;  // of the KV pool; 0: more than enough
  bool prefix_cache = false;
  int32_t steps_between_arrivals = 0;
  int32_t block_size = 0;  // 0: one for each number of threads
  bool guesses = false;
};

Phases EachAlone(const std::vector<RequestFields>& requests) {
  Phases phases;
  for (const RequestFields& fields : requests) phases.push_back({fields});
  return phases;
}

std::vector<RequestFields> Joined(std::vector<RequestFields> a,
                                  const std::vector<RequestFields>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Second attempts that know a part of what the reference gave.
std::vector<RequestFields> Resumed(const std::vector<RequestFields>& requests,
                                   const std::vector<Trail>& reference,
                                   uint64_t seed) {
  std::mt19937_64 random(seed);
  std::map<std::pair<std::string, int32_t>, const Trail*> by_name;
  for (const Trail& trail : reference) {
    by_name[{trail.request_id, trail.index}] = &trail;
  }
  std::vector<RequestFields> resumed = requests;
  for (RequestFields& fields : resumed) {
    fields.attempt = 2;
    for (int32_t index = 0; index < fields.n; ++index) {
      const Trail& trail = *by_name.at({fields.request_id, index});
      const size_t cut = random() % (trail.ids.size() + 1);
      fields.resumed.push_back(
          {index, {trail.ids.begin(), trail.ids.begin() + cut}});
    }
  }
  return resumed;
}

// New requests between the steps of others, over a pool that is too small.
Situation Mixed(const Workload& workload, const std::vector<Trail>& reference,
                uint64_t seed) {
  Situation mixed;
  mixed.name = "mixed";
  mixed.phases = {
      Joined(Resumed(workload.requests, reference, seed), workload.branches),
      Joined(Again(workload.requests, 2), workload.growers)};
  mixed.prefill_rows = 48;
  mixed.max_running = 48;
  mixed.positions = workload.longest + 320;
  mixed.prefix_cache = true;
  mixed.steps_between_arrivals = 3;
  mixed.block_size = 16;
  return mixed;
}

Situation Prefix(const Workload& workload) {
  Situation prefix;
  prefix.name = "prefix";
  prefix.phases = {workload.requests, Again(workload.requests, 2),
                   workload.branches};
  prefix.prefill_rows = 64;
  prefix.max_running = 12;
  prefix.prefix_cache = true;
  return prefix;
}

Situation Preempted(const Workload& workload) {
  Situation preempted;
  preempted.name = "preempted";
  preempted.phases = {workload.growers};
  preempted.prefill_rows = 64;
  preempted.max_running = 16;
  preempted.positions = workload.longest_grower + 80;
  preempted.block_size = 16;
  return preempted;
}

std::vector<Situation> MakeSituations(const Workload& workload,
                                      const std::vector<Trail>& reference,
                                      uint64_t seed) {
  const std::vector<RequestFields>& requests = workload.requests;
  std::vector<Situation> all;
  all.push_back({.name = "alone", .phases = EachAlone(requests)});
  for (const int32_t batch : {2, 4, 8, 16, 32, 64}) {
    all.push_back({.name = absl::StrCat("batch-", batch),
                   .phases = {requests},
                   .max_running = batch});
  }
  for (const int32_t chunk : {16, 64, 256, 512}) {
    all.push_back({.name = absl::StrCat("chunk-", chunk),
                   .phases = {requests},
                   .prefill_rows = chunk,
                   .max_running = 12});
  }
  // Few at a time, that nobody waits; the growers are long enough for many.
  all.push_back({.name = "guessed",
                 .phases = {requests, workload.growers},
                 .max_running = 64,
                 .guesses = true});
  all.push_back({.name = "guessed-alone",
                 .phases = EachAlone(requests),
                 .guesses = true});
  all.push_back(Prefix(workload));
  all.push_back(Preempted(workload));
  all.push_back({.name = "resumed",
                 .phases = {Resumed(requests, reference, seed)},
                 .prefill_rows = 128,
                 .max_running = 24});
  all.push_back(Mixed(workload, reference, seed + 1));
  for (Situation& situation : all) {
    // Room for all twice over, in blocks of up to 64 positions.
    if (situation.positions == 0) {
      situation.positions = 2 * workload.positions + 64 * 16 * 64;
    }
  }
  return all;
}

// Not in the fingerprint, so it must not change a bit either.
int32_t BlockSizeFor(int32_t threads) {
  if (threads == 1) return 32;
  return threads == 2 ? 16 : 64;
}

Setting SettingOf(const SituationOptions& options, const Situation& situation,
                  int32_t threads) {
  Setting setting;
  setting.native = options.native;
  setting.native.threads = threads;
  setting.native.block_size =
      situation.block_size > 0 ? situation.block_size : BlockSizeFor(threads);
  setting.native.block_count =
      static_cast<int32_t>(situation.positions / setting.native.block_size + 1);
  setting.prefill_rows = situation.prefill_rows;
  setting.max_running = situation.max_running;
  setting.prefix_cache = situation.prefix_cache;
  setting.steps_between_arrivals = situation.steps_between_arrivals;
  return setting;
}

}  // namespace

absl::Status RunSituations(
    const SessionModel& model, const SituationOptions& options,
    const std::function<void(const SituationRun&)>& sink) {
  const Workload workload = DrawWorkload(options.workload);
  const Situation alone = {
      .name = "reference",
      .phases = EachAlone(Joined(Joined(workload.requests, workload.branches),
                                 workload.growers)),
      .positions = 16 * int64_t{workload.longest}};
  SituationRun run{alone.name, 1, 32, {}};
  ASSIGN_OR_RETURN(run.trails, RunSession(model, SettingOf(options, alone, 1),
                                          alone.phases));
  sink(run);
  const std::vector<Trail> reference = std::move(run.trails);
  for (const Situation& situation :
       MakeSituations(workload, reference, options.workload.seed)) {
    for (const int32_t threads : options.threads) {
      Setting setting = SettingOf(options, situation, threads);
      if (situation.guesses) setting.guess_from = &reference;
      setting.spoil = options.spoil;
      run = {situation.name, threads, setting.native.block_size, {}};
      ASSIGN_OR_RETURN(run.trails,
                       RunSession(model, setting, situation.phases));
      sink(run);
    }
  }
  return absl::OkStatus();
}

}  // namespace sluice::generator
