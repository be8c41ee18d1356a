#pragma once

// Who watches the requests: metrics and the log in the binary, a recorder in
// tests. Texts never come here.

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/base/clock.h"

namespace sluice::gateway {

// Where a request spends its time, and where a cancel finds it.
enum class Stage { kTokenize, kQueue, kPrefill, kDecode };

// "tokenize", "queue", "prefill" or "decode".
std::string_view StageName(Stage stage);

// One request that is over, however it ended.
struct RequestRecord {
  std::string_view route;  // a name of ours: "/chat", "grpc Chat"
  std::string request_id;
  std::string model;
  absl::StatusCode code = absl::StatusCode::kOk;
  std::string_view finish_reason;  // empty unless it finished
  Stage stage = Stage::kTokenize;  // the last one it was in
  bool admitted = false;
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;
  int64_t generated_tokens = 0;  // delivered by the Generator
  Nanos first_token = 0;         // after arrival; 0: none came
  Nanos duration = 0;
};

// Called without locks held. Threads: any, so implementations are too.
class RequestObserver {
 public:
  virtual ~RequestObserver() = default;
  virtual void OnAdmitted() = 0;
  virtual void OnStageEnd(Stage stage, Nanos duration) = 0;
  virtual void OnFirstToken(Nanos after_arrival) = 0;
  // Time between two deliveries of tokens of one request.
  virtual void OnTokenGap(Nanos gap) = 0;
  // Once a request; `admitted` tells whether OnAdmitted came before.
  virtual void OnEnd(const RequestRecord& record) = 0;
};

}  // namespace sluice::gateway
