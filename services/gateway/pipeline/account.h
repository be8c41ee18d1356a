#pragma once

// The books of one request: which stage it is in, when its tokens came, what
// it used. Pure: it tells what the observer must hear and calls nobody.

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/clock.h"
#include "services/gateway/api/event.h"
#include "services/gateway/pipeline/observer.h"

namespace sluice::gateway {

// What one event means for the observer.
struct Observation {
  std::optional<std::pair<Stage, Nanos>> stage_end = {};
  std::optional<Nanos> first_token = {};
  std::optional<Nanos> token_gap = {};

  void TellTo(RequestObserver& observer) const;
};

// Threads: one at a time.
class Account {
 public:
  Account(std::string_view route, std::string request_id, std::string model,
          Nanos arrival);

  // The prompt has become ids: tokenizing ends, queueing begins.
  Observation OnPrompt(size_t tokens, Nanos now);
  Observation OnEvent(const api::Event& event, Nanos now);
  // The request is over.
  RequestRecord Close(absl::StatusCode code, Nanos now) const;

 private:
  Observation EnterStage(Stage stage, Nanos now);
  Observation OnTokens(int32_t tokens, Nanos now);

  const Nanos arrival_;
  Nanos stage_since_;
  Nanos last_token_ = 0;
  RequestRecord record_;
};

}  // namespace sluice::gateway
