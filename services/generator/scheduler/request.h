#pragma once

// What the engine is asked to do, valid by construction.

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "services/generator/constraint/stop_checker.h"
#include "services/generator/sampler/sampling_params.h"

namespace sluice::generator {

// In order of precedence.
enum class Priority { kSystem = 0, kInteractive = 1, kBatch = 2 };

inline constexpr Nanos kNoDeadline = std::numeric_limits<Nanos>::max();
inline constexpr int32_t kMaxSequences = 8;
inline constexpr int32_t kMaxTimeoutMs = 24 * 3600 * 1000;
inline constexpr size_t kMaxRequestIdBytes = 128;
inline constexpr size_t kMaxTenantBytes = 128;

// Ids of one sequence that earlier attempts delivered.
struct ResumedIds {
  int32_t index = 0;
  std::vector<int32_t> ids;
};

// A request as it came in.
struct RequestFields {
  std::string request_id;
  int32_t attempt = 1;
  std::vector<int32_t> prompt_ids;
  SamplingOverrides params;
  std::string tenant;
  Priority priority = Priority::kInteractive;
  std::vector<ResumedIds> resumed;
  int32_t n = 1;
  Nanos deadline = kNoDeadline;  // of the engine's clock
  // From arrival to the first step, and to the first token; absent: no bound.
  std::optional<int32_t> queue_timeout_ms = std::nullopt;
  std::optional<int32_t> first_token_timeout_ms = std::nullopt;
  uint64_t drawn_seed = 0;  // used when params name no seed
  // Takes nothing from the prefix cache and leaves nothing in it.
  bool bypass_prefix_cache = false;
  // No guesses of its next ids are verified.
  bool bypass_speculation = false;
  // Leading ids of the prompt that all tenants share, as the operator declared.
  int32_t public_prefix_tokens = 0;
};

// What a model allows.
struct RequestLimits {
  int32_t context_length = 0;   // positions, prompt and output together
  int32_t vocabulary_size = 0;  // rows of the logits
  std::vector<int32_t> eos_ids;
  SamplingOverrides defaults;  // of generation_config.json
};

// Threads: immutable after construction.
class Request {
 public:
  // Errors: INVALID_ARGUMENT "field: what, got, limit"; a prompt over the
  // context has the reason CONTEXT_LENGTH_EXCEEDED.
  static absl::StatusOr<Request> Create(RequestFields fields,
                                        const RequestLimits& limits);

  const std::string& id() const { return fields_.request_id; }
  int32_t attempt() const { return fields_.attempt; }
  const std::string& tenant() const { return fields_.tenant; }
  Priority priority() const { return fields_.priority; }
  Nanos deadline() const { return fields_.deadline; }
  std::optional<int32_t> queue_timeout_ms() const {
    return fields_.queue_timeout_ms;
  }
  std::optional<int32_t> first_token_timeout_ms() const {
    return fields_.first_token_timeout_ms;
  }
  int32_t n() const { return fields_.n; }
  bool bypass_prefix_cache() const { return fields_.bypass_prefix_cache; }
  bool bypass_speculation() const { return fields_.bypass_speculation; }
  int32_t public_prefix_tokens() const { return fields_.public_prefix_tokens; }
  const std::vector<int32_t>& prompt() const { return fields_.prompt_ids; }
  int32_t prompt_tokens() const {
    return static_cast<int32_t>(fields_.prompt_ids.size());
  }
  // Every parameter as it is used; max_new_tokens fits the context.
  const SamplingParams& params() const { return params_; }
  const std::shared_ptr<const StopRules>& stop_rules() const {
    return stop_rules_;
  }
  // Ids that min_new_tokens keeps away; in range of the logits.
  const std::vector<int32_t>& eos_ids() const { return eos_ids_; }
  // What earlier attempts delivered of sequence `index`; mostly empty.
  const std::vector<int32_t>& resumed(int32_t index) const {
    return resumed_[index];
  }
  // Positions that a sequence may come to hold.
  int32_t max_positions() const {
    return prompt_tokens() + params_.max_new_tokens;
  }
  // Prompt and output tokens of all sequences at most.
  int64_t cost_tokens() const { return int64_t{n()} * max_positions(); }

 private:
  Request() = default;

  RequestFields fields_;
  SamplingParams params_;
  std::shared_ptr<const StopRules> stop_rules_;
  std::vector<int32_t> eos_ids_;
  std::vector<std::vector<int32_t>> resumed_;  // by sequence index
};

}  // namespace sluice::generator
