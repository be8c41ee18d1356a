#pragma once

// What the pipeline needs of the world: a Tokenizer, a Generator and someone
// who picks a pair of them. clients/ has the real ones, tests have fakes.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/vocabulary/vocabulary.h"
#include "services/gateway/api/event.h"
#include "services/gateway/api/request.h"
#include "services/gateway/pipeline/answer_form.h"

namespace sluice::gateway {

// A call that runs. Destroying it does not cancel it.
// Threads: any.
class Call {
 public:
  virtual ~Call() = default;
  // Ends it soon, its callback still comes. Nothing when it has ended.
  virtual void Cancel() = 0;
};

using IdsCallback = std::function<void(absl::StatusOr<std::vector<int32_t>>)>;

// The callback comes exactly once, from any thread, also before the call
// returns. `deadline` is on the pipeline's clock; past it the answer is
// DEADLINE_EXCEEDED. Threads: any.
class TokenizerPort {
 public:
  virtual ~TokenizerPort() = default;
  virtual std::shared_ptr<Call> Tokenize(const std::string& text,
                                         Nanos deadline, IdsCallback done) = 0;
  virtual std::shared_ptr<Call> RenderChat(const api::ChatPrompt& prompt,
                                           Nanos deadline,
                                           IdsCallback done) = 0;
};

// How a Generator shall treat a request, beside how it chooses tokens.
struct Handling {
  std::string tenant = {};
  bool bypass_prefix_cache = false;
  std::optional<int32_t> queue_timeout_ms = {};
  std::optional<int32_t> first_token_timeout_ms = {};
  // Leading ids of the prompt that all tenants may share.
  int32_t public_prefix_tokens = 0;
  bool system_priority = false;  // the operator's own
};

// One try of a request on one Generator.
struct Attempt {
  std::string request_id = {};
  int32_t number = 1;
  std::vector<int32_t> prompt_ids = {};
  api::SamplingParams params = {};
  Handling handling = {};
  std::string vocabulary_hash = {};
  Nanos deadline = 0;
};

struct SequenceFinish {
  int32_t index = 0;
  api::FinishReason reason = api::FinishReason::kLength;
  std::string matched_stop = {};
  int32_t trim_bytes = 0;  // to cut from the end of the sequence's text
};

struct TokenDelta {
  int32_t index = 0;
  std::vector<int32_t> ids = {};
  std::optional<SequenceFinish> finish = {};  // on the last one of a sequence
};

struct AttemptStarted {
  int32_t prompt_tokens = 0;
  int32_t cached_tokens = 0;
  api::SamplingParams effective_params = {};
  std::string fingerprint = {};
};

struct AttemptFinished {
  api::Usage usage = {};
  api::Timings timings = {};
};

using GeneratorEvent = std::variant<api::Queued, AttemptStarted, api::Progress,
                                    TokenDelta, AttemptFinished>;

// An event, nothing after the last one, or the failure that ended the stream.
using GeneratorEventCallback =
    std::function<void(absl::StatusOr<std::optional<GeneratorEvent>>)>;

// Threads: any; one Read at a time.
class GeneratorStream : public Call {
 public:
  // Answers exactly once, from any thread. What is not read stays with the
  // Generator: this is how a slow client slows it down.
  // REQUIRES: no Read is waiting, the stream has not ended.
  virtual void Read(GeneratorEventCallback done) = 0;
};

// Threads: any.
class GeneratorPort {
 public:
  virtual ~GeneratorPort() = default;
  virtual std::shared_ptr<GeneratorStream> Generate(Attempt attempt) = 0;
};

struct ModelInfo {
  std::string name;
  int64_t context_length = 0;   // tokens, prompt and output together
  int64_t vocabulary_size = 0;  // rows of the logits
  int64_t parameters = 0;
  bool chat = false;       // has a chat template
  int64_t started_at = 0;  // Unix time, seconds
  std::string vocabulary_hash;
  api::SamplingParams default_params;  // of generation_config
  // Optional abilities of the Generator: nothing else is asked of it.
  std::vector<std::string> features;

  bool Has(std::string_view feature) const;
};

// A Tokenizer and a Generator of equal vocabulary, good for one request. The
// shared pointers keep what a request uses while endpoints come and go.
struct Route {
  ModelInfo model;
  std::shared_ptr<const Vocabulary> vocabulary;
  std::shared_ptr<TokenizerPort> tokenizer;
  std::shared_ptr<GeneratorPort> generator;
  std::string instance = {};  // names this run of the Generator
  AnswerForm form = {};       // how answers to chats are read
};

// Threads: any.
class RouterPort {
 public:
  virtual ~RouterPort() = default;
  // `model` may be empty: the one that is served. `field` is what the client
  // called it. Errors: NOT_FOUND (no such model), UNAVAILABLE (no pair).
  virtual absl::StatusOr<Route> Pick(std::string_view field,
                                     std::string_view model) = 0;
  // Every healthy Generator with every Tokenizer that fits, whatever the load.
  virtual std::vector<Route> Routes() const = 0;
  // What can be asked for now; empty while nothing is ready.
  virtual std::vector<ModelInfo> Models() const = 0;
};

}  // namespace sluice::gateway
