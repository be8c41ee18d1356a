#pragma once

// Turns what the Generator sends into what the client sees: ids become whole
// UTF-8, stop strings are trimmed, and a peer that breaks its contract is
// found out before anything wrong reaches the client.

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/vocabulary/stream_decoder.h"
#include "common/vocabulary/vocabulary.h"
#include "services/gateway/api/event.h"
#include "services/gateway/pipeline/ports.h"

namespace sluice::gateway {

// The answer of one sequence. Threads: one at a time.
class Answer {
 public:
  Answer(std::string request_id, std::string model,
         std::shared_ptr<const Vocabulary> vocabulary);

  // The client's event for the Generator's. Errors: INTERNAL, when the
  // Generator breaks its contract (an id past the vocabulary, another
  // sequence, tokens after the end, no end).
  absl::StatusOr<api::Event> Take(GeneratorEvent event);

  // Whether the last event of a complete answer has been taken.
  bool complete() const { return complete_; }

 private:
  absl::StatusOr<api::Event> Convert(api::Queued event);
  absl::StatusOr<api::Event> Convert(AttemptStarted event);
  absl::StatusOr<api::Event> Convert(api::Progress event);
  absl::StatusOr<api::Event> Convert(TokenDelta event);
  absl::StatusOr<api::Event> Convert(AttemptFinished event);
  absl::Status CheckDelta(const TokenDelta& event) const;

  std::string request_id_;
  std::string model_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  StreamDecoder decoder_;
  bool started_ = false;
  bool complete_ = false;
  std::optional<SequenceFinish> finish_;
};

}  // namespace sluice::gateway
