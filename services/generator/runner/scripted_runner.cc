#include "services/generator/runner/scripted_runner.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/error_info.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"
#include "services/generator/models/model_config.h"

namespace sluice::generator {
namespace {

constexpr std::string_view kName = "scripted";
constexpr int64_t kBytesPerElement = 2;
// Even at a temperature of 100 no other token has a chance that a float holds.
constexpr float kCertain = 1e5f;

// Threads: engine thread only.
class ScriptedRunner final : public ModelRunner {
 public:
  ScriptedRunner(RunnerInfo info, std::chrono::microseconds step)
      : info_(std::move(info)), step_(step) {}

  const RunnerInfo& info() const override { return info_; }

  absl::StatusOr<LogitsView> Run(const StepPlan& plan) override {
    const auto end = std::chrono::steady_clock::now() + step_;
    // Only what the last step set is cleared: zeroing all rows would cost more
    // than the rest of the step.
    for (const size_t set : chosen_) logits_[set] = 0;
    chosen_.clear();
    int32_t rows = 0;
    for (const SequenceRows& sequence : plan.sequences) {
      rows += sequence.logit_rows();
    }
    const auto columns = static_cast<size_t>(info_.vocabulary_size);
    if (logits_.size() < rows * columns) logits_.resize(rows * columns, 0);
    for (const SequenceRows& sequence : plan.sequences) {
      for (int32_t back = sequence.logit_rows(); back > 0; --back) {
        const size_t row = chosen_.size();
        chosen_.push_back(row * columns + NextToken(sequence, back));
        logits_[chosen_.back()] = kCertain;
      }
    }
    std::this_thread::sleep_until(end);  // the time that a model would take
    return LogitsView{rows, info_.vocabulary_size,
                      absl::MakeConstSpan(logits_.data(), rows * columns)};
  }

 private:
  // What follows the row that is `back` from the end of its sequence's rows.
  size_t NextToken(const SequenceRows& sequence, int32_t back) const {
    const size_t count = sequence.token_ids.size();
    SLUICE_CHECK(static_cast<size_t>(back) <= count, "a sequence has rows");
    const uint64_t position = sequence.first_position + count - (back - 1);
    SeededRandom random(
        (position << 32) ^
        static_cast<uint64_t>(sequence.token_ids[count - back]));
    return random.Next() % static_cast<uint64_t>(info_.vocabulary_size);
  }

  const RunnerInfo info_;
  const std::chrono::microseconds step_;
  std::vector<float> logits_;   // zero but for `chosen_`
  std::vector<size_t> chosen_;  // of the last step
};

absl::StatusOr<int32_t> BlockCount(const ScriptedRunnerOptions& options,
                                   int64_t block_bytes) {
  if (options.block_count > 0) return options.block_count;
  const int64_t blocks = options.kv_cache_bytes / block_bytes;
  if (blocks < 1) {
    return FieldError("kv_cache_bytes", "less than one block",
                      absl::StrCat(options.kv_cache_bytes),
                      absl::StrCat("at least ", block_bytes));
  }
  return static_cast<int32_t>(
      std::min<int64_t>(blocks, std::numeric_limits<int32_t>::max()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ModelRunner>> MakeScriptedRunner(
    const std::string& directory, const ScriptedRunnerOptions& options) {
  ASSIGN_OR_RETURN(const ModelConfig config, ReadModelConfig(directory));
  RunnerInfo info;
  info.architecture = config.architecture;
  info.backend = std::string(kName);
  info.vocabulary_size = config.vocabulary_size;
  info.context_length =
      options.max_context > 0 ? options.max_context : config.max_positions;
  info.block_size = options.block_size;
  info.block_bytes = int64_t{2} * config.layers * config.kv_size() *
                     kBytesPerElement * options.block_size;
  ASSIGN_OR_RETURN(info.block_count, BlockCount(options, info.block_bytes));
  info.takes_drafts = true;
  info.isa = "none";
  info.weight_format = "none";
  info.kv_format = "none";
  info.fingerprint = absl::StrCat("scripted-1-", config.vocabulary_size);
  return std::make_unique<ScriptedRunner>(
      std::move(info), std::chrono::microseconds(options.step_us));
}

absl::StatusOr<bool> ParseScriptedBackend(const std::string& backend,
                                          ScriptedRunnerOptions& options) {
  constexpr int32_t kMaxStepUs = 10'000'000;
  if (backend == kName) return true;
  const std::string prefix = std::string(kName) + ":";
  if (!backend.starts_with(prefix)) return false;
  const std::string step = backend.substr(prefix.size());
  if (!absl::SimpleAtoi(step, &options.step_us) || options.step_us < 0 ||
      options.step_us > kMaxStepUs) {
    return FieldError("backend", "wrong step time of scripted, microseconds",
                      step, "0 to 10000000");
  }
  return true;
}

}  // namespace sluice::generator
