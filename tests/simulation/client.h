#pragma once

// The reader of one request over all its attempts. Judges every message.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "services/generator/engine/outbox.h"
#include "services/generator/scheduler/request.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/situations.h"
#include "tests/simulation/world.h"

namespace sluice::generator {

// Threads: one at a time.
class Client {
 public:
  // `situations` is lent for the client's life.
  Client(RequestFields fields, std::vector<ExpectedSequence> expected,
         const Habits& habits, Situations& situations);

  // The request of the next attempt, with all ids that came so far. Earlier
  // outboxes are never read again.
  RequestFields NextAttempt();
  // The attempt was handed in. REQUIRES: NextAttempt was called for it.
  void Submitted(std::shared_ptr<Outbox> outbox, const EngineOptions& options,
                 Nanos now);
  // The attempt was refused; another may be made.
  void Refused() { outbox_ = nullptr; }
  // The engine went away, with what was not read.
  void Lose() { outbox_ = nullptr; }
  // Leaves the attempt to itself; whoever calls reads what is left.
  std::shared_ptr<Outbox> Abandon() { return std::move(outbox_); }
  // An INTERNAL end is not the engine's fault from now on.
  void ExpectFault() { fault_expected_ = true; }

  // Cancels or reads, as its habits are.
  // Errors: INTERNAL: the stream is not what it must be.
  absl::Status Act(Dice& dice, Nanos now);
  // Reads all that is there.
  absl::Status Drain(Nanos now);

  bool submitted() const { return outbox_ != nullptr; }
  // As the engine sees it.
  bool full() const { return submitted() && outbox_->full(); }
  bool ended() const { return end_.has_value(); }
  bool cancelled() const { return cancelled_; }
  // Reads all in each turn: signs of life must reach it.
  bool reads_promptly() const { return prompt_; }
  Nanos heard_at() const { return heard_at_; }
  const absl::Status& end() const { return *end_; }
  const RequestFields& fields() const { return fields_; }
  int64_t ids_delivered() const;

 private:
  struct Progressed {
    std::vector<int32_t> ids;
    bool ended = false;  // in this attempt
  };

  void Cancel();
  bool Reads(Dice& dice, Nanos now);
  absl::Status TakeOne(Nanos now, bool& took);
  absl::Status Judge(const StreamMessage& message);
  absl::Status Judge(const Queued& queued);
  absl::Status Judge(const Started& started);
  absl::Status Judge(const Progress& progress);
  absl::Status Judge(const Delta& delta);
  absl::Status Judge(const Finished& finished);
  absl::Status JudgeEnd(const absl::Status& end, Nanos now);
  bool RightlyExhausted(const absl::Status& end, Nanos now);
  absl::Status JudgeSequenceEnd(int32_t index, const SequenceEnd& end) const;
  absl::Status Wrong(const std::string& what) const;

  RequestFields fields_;
  const std::vector<ExpectedSequence> expected_;
  const Habits habits_;
  Situations& situations_;
  const bool prompt_;
  std::shared_ptr<Outbox> outbox_;  // shared with the engine
  int64_t max_unread_ids_ = 0;
  Nanos slow_reader_timeout_ = 0;
  // When the attempt was handed in, and what it may wait for from then on.
  Nanos submitted_at_ = 0;
  Nanos queue_timeout_ = kNoDeadline;
  Nanos first_token_timeout_ = kNoDeadline;
  std::vector<Progressed> sequences_;
  bool started_ = false;    // in this attempt
  bool finished_ = false;   // in this attempt
  bool any_token_ = false;  // in this attempt
  bool cancelled_ = false;
  bool fault_expected_ = false;
  bool stalled_before_ = false;
  int32_t turns_ = 0;
  int64_t unread_ids_taken_ = 0;  // since everything was read
  Nanos stall_until_ = 0;
  Nanos heard_at_ = 0;
  Nanos caught_up_at_ = 0;  // when everything was read last
  std::optional<absl::Status> end_;
};

}  // namespace sluice::generator
