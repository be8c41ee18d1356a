#pragma once

// The dice's view of a service: how large, how it is set, what it is asked.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/vocabulary/vocabulary.h"
#include "services/generator/engine/engine_core.h"
#include "services/generator/scheduler/request.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/tenant_hash_runner.h"

namespace sluice::generator {

inline constexpr int32_t kSimVocabulary = 48;
inline constexpr int32_t kSimContext = 176;

// A letter or two an id; id 0 ends a sequence and has no text.
Vocabulary MakeSimVocabulary();
RequestLimits MakeSimLimits();

// Of a client's own bound and the operator's; kNoDeadline without either.
Nanos TighterTimeout(const std::optional<int32_t>& own_ms,
                     int32_t operators_ms);

// Whether somebody was rightly told when to come back: no sooner than `least`,
// and not in an hour.
bool IsRetryDelay(const std::optional<Nanos>& delay, Nanos least);

// How a client behaves, in turns of the simulation and time of its clock.
struct Habits {
  int32_t cancel_after_turns = 0;  // 0: never
  int32_t takes_one_in = 1;        // reads in one turn of so many
  bool takes_all = true;           // else one message at a time
  int32_t stalls_after_ids = 0;    // 0: never
  Nanos stall_time = 0;
};

// What holds for one episode.
class World {
 public:
  explicit World(Dice& dice);

  // Each engine of an episode may have another pool.
  PoolShape DrawPool(Dice& dice) const;
  RequestFields DrawRequest(Dice& dice, int64_t number, Nanos now) const;
  Habits DrawHabits(Dice& dice) const;
  Nanos DrawStepTime(Dice& dice) const;

  const EngineOptions& options() const { return options_; }
  int32_t target_in_flight() const { return target_in_flight_; }
  bool has_slow_readers() const { return has_slow_readers_; }
  // Of the guesses that are planted so many are right; absent: prompt lookup.
  const std::optional<double>& planted_rate() const { return planted_rate_; }
  Nanos longest_step() const { return longest_step_; }

 private:
  std::vector<int32_t> DrawPrompt(Dice& dice) const;
  bool BeginsPublic(const std::vector<int32_t>& prompt) const;
  int32_t DrawTimeoutMs(Dice& dice) const;
  void DrawParams(Dice& dice, RequestFields& fields) const;
  std::vector<std::string> DrawStops(Dice& dice, char first, char second) const;
  void DrawResumed(Dice& dice, char first, char second,
                   RequestFields& fields) const;

  EngineOptions options_;
  std::vector<std::vector<int32_t>> shared_texts_;
  // Leading tokens of all but the last of them that the operator declared
  // public, more than the largest block; 0: none.
  int32_t public_tokens_ = 0;
  double pool_sequences_ = 1;  // of the longest kind that fit at once
  int32_t target_in_flight_ = 0;
  bool has_slow_readers_ = false;
  std::optional<double> planted_rate_;
  bool has_deadlines_ = false;
  bool has_timeouts_ = false;
  Nanos longest_step_ = 0;
  bool steady_steps_ = false;  // all take as long
};

}  // namespace sluice::generator
