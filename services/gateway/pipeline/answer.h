#pragma once

// Turns what the Generator sends into what the client sees: ids become whole
// UTF-8, reasoning and tool calls, stop strings are trimmed, and a peer that
// breaks its contract is found out before anything wrong reaches the client.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/gateway/api/event.h"
#include "services/gateway/pipeline/answer_text.h"
#include "services/gateway/pipeline/ports.h"

namespace sluice::gateway {

struct AnswerHead {
  std::string request_id;
  std::string model;
  int64_t vocabulary_size = 0;  // rows of the logits
};

// The answer of one sequence. Threads: one at a time.
class Answer {
 public:
  Answer(AnswerHead head, std::shared_ptr<const Vocabulary> vocabulary,
         const AnswerWish& wish);

  // REQUIRES: called once at most, before Take.
  void OnPrompt(absl::Span<const int32_t> ids) { text_.OnPrompt(ids); }

  // The client's events for the Generator's, one or more; tokens are counted
  // in the first. Errors: INTERNAL, when the
  // Generator breaks its contract (an id past the vocabulary, another
  // sequence, tokens after the end, no end).
  absl::StatusOr<std::vector<api::Event>> Take(GeneratorEvent event);

  // Whether the last event of a complete answer has been taken.
  bool complete() const { return complete_; }

 private:
  using Events = absl::StatusOr<std::vector<api::Event>>;

  Events Convert(api::Queued event);
  Events Convert(AttemptStarted event);
  Events Convert(api::Progress event);
  Events Convert(TokenDelta event);
  Events Convert(AttemptFinished event);
  absl::Status CheckDelta(const TokenDelta& event) const;

  AnswerHead head_;
  AnswerText text_;
  bool started_ = false;
  bool complete_ = false;
  std::optional<SequenceFinish> finish_;
};

}  // namespace sluice::gateway
