#include "tests/simulation/world.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace sluice::generator {
namespace {

constexpr int32_t kTenants = 4;
constexpr int32_t kSharedTexts = 3;
constexpr int32_t kSharedTextTokens = 72;
constexpr int32_t kLongestNew = 80;

std::vector<int32_t> DrawIds(Dice& dice, int32_t count) {
  std::vector<int32_t> ids(count);
  for (int32_t& id : ids) id = dice.Between(0, kSimVocabulary - 1);
  return ids;
}

SchedulerOptions DrawScheduler(Dice& dice) {
  SchedulerOptions options;
  options.max_batch_size = dice.OneOf({4, 8, 16, 32});
  options.max_step_rows = options.max_batch_size + dice.OneOf({1, 16, 64, 512});
  options.max_queued_requests = dice.OneOf({12, 32, 256});
  options.max_queued_tokens = dice.OneOf({2000, 8000, 1 << 22});
  options.max_preemptions = dice.Between(0, 3);
  options.prefix_cache = !dice.OneIn(8);
  if (dice.OneIn(4)) {
    options.min_batch_size = dice.Between(2, options.max_batch_size);
    options.batch_timeout_ms = dice.OneOf({1, 20, 200});
  }
  return options;
}

}  // namespace

Vocabulary MakeSimVocabulary() {
  std::vector<VocabularyEntry> entries;
  for (int32_t id = 0; id < kSimVocabulary; ++id) {
    const bool ends = id == 0;
    entries.push_back({ends ? "" : std::string(1, 'a' + id % 26), ends});
  }
  auto vocabulary = Vocabulary::Create(std::move(entries), {});
  SLUICE_CHECK(vocabulary.ok(), "the vocabulary is within its limits");
  return *std::move(vocabulary);
}

RequestLimits MakeSimLimits() {
  RequestLimits limits;
  limits.context_length = kSimContext;
  limits.vocabulary_size = kSimVocabulary;
  limits.eos_ids = {0};
  return limits;
}

Nanos TighterTimeout(const std::optional<int32_t>& own_ms,
                     int32_t operators_ms) {
  Nanos timeout = kNoDeadline;
  if (own_ms.has_value()) timeout = *own_ms * kNanosPerMilli;
  if (operators_ms == 0) return timeout;
  return std::min(timeout, operators_ms * kNanosPerMilli);
}

World::World(Dice& dice) {
  options_.scheduler = DrawScheduler(dice);
  options_.pacer.target_step_ms = dice.OneOf({1, 5, 40});
  options_.pacer.min_prefill_rows = dice.OneOf({1, 4, 16});
  options_.pacer.first_prefill_rows = dice.OneOf({1, 16, 64});
  options_.outbox.max_pending_ids = dice.OneOf({1, 6, 24, 4096});
  options_.alive_interval_ms = dice.OneOf({20, 200, 800});
  options_.slow_reader_timeout_ms = dice.OneOf({50, 500, 5000});
  for (int32_t i = 0; i < kSharedTexts; ++i) {
    shared_texts_.push_back(DrawIds(dice, kSharedTextTokens));
  }
  if (dice.OneIn(2)) public_tokens_ = dice.Between(17, 60);
  options_.scheduler.max_warm_blocks = dice.OneOf({0, 2, 256});
  pool_sequences_ = dice.OneOf({1.0, 1.2, 2.0, 4.0, 8.0, 12.0});
  target_in_flight_ = dice.Between(10, 20);
  has_slow_readers_ = dice.OneIn(2);
  has_deadlines_ = dice.OneIn(2);
  has_timeouts_ = dice.OneIn(4);
  longest_step_ = dice.OneOf({1, 10, 60}) * kNanosPerMilli;
  if (dice.OneIn(8)) options_.scheduler.queue_timeout_ms = DrawTimeoutMs(dice);
  if (dice.OneIn(8)) {
    options_.scheduler.first_token_timeout_ms = DrawTimeoutMs(dice);
  }
}

PoolShape World::DrawPool(Dice& dice) const {
  PoolShape pool;
  pool.block_size = dice.OneOf({1, 2, 4, 8, 16});
  // Now and then too small for the longest requests.
  const double sequences = dice.OneIn(24) ? 0.7 : pool_sequences_;
  pool.block_count = std::max(
      1, static_cast<int32_t>(sequences * kSimContext) / pool.block_size);
  return pool;
}

std::vector<int32_t> World::DrawPrompt(Dice& dice) const {
  if (dice.OneIn(2)) return DrawIds(dice, dice.Between(1, 60));
  const auto& text = shared_texts_[dice.Between(0, kSharedTexts - 1)];
  std::vector<int32_t> prompt(text.begin(),
                              text.begin() + dice.Between(1, text.size()));
  for (int32_t id : DrawIds(dice, dice.Between(0, 20))) prompt.push_back(id);
  return prompt;
}

RequestFields World::DrawRequest(Dice& dice, int64_t number, Nanos now) const {
  RequestFields fields;
  fields.request_id = "r" + std::to_string(number);
  fields.prompt_ids = DrawPrompt(dice);
  if (BeginsPublic(fields.prompt_ids) && !dice.OneIn(4)) {
    fields.public_prefix_tokens = public_tokens_;
  }
  fields.tenant = "tenant-" + std::to_string(dice.Between(1, kTenants));
  fields.priority = static_cast<Priority>(dice.Between(0, 2));
  if (dice.OneIn(8)) fields.n = dice.OneIn(8) ? 8 : dice.Between(2, 4);
  fields.drawn_seed = dice.Bits();
  if (has_deadlines_ && dice.OneIn(4)) {
    fields.deadline = now + dice.Between(1, 100) * longest_step_;
  }
  if (has_timeouts_ && dice.OneIn(4)) {
    fields.queue_timeout_ms = DrawTimeoutMs(dice);
  }
  if (has_timeouts_ && dice.OneIn(4)) {
    fields.first_token_timeout_ms = DrawTimeoutMs(dice);
  }
  fields.bypass_prefix_cache = dice.OneIn(10);
  DrawParams(dice, fields);
  return fields;
}

bool World::BeginsPublic(const std::vector<int32_t>& prompt) const {
  const std::vector<int32_t>& text = shared_texts_.front();
  return public_tokens_ > 0 &&
         prompt.size() >= static_cast<size_t>(public_tokens_) &&
         std::equal(text.begin(), text.begin() + public_tokens_,
                    prompt.begin());
}

int32_t World::DrawTimeoutMs(Dice& dice) const {
  return 1 + static_cast<int32_t>(dice.Between(1, 60) * longest_step_ /
                                  kNanosPerMilli);
}

void World::DrawParams(Dice& dice, RequestFields& fields) const {
  SamplingOverrides& params = fields.params;
  params.max_new_tokens = dice.Between(1, kLongestNew);
  params.ignore_eos = !dice.OneIn(3);
  if (dice.OneIn(4)) {
    params.temperature = 0.0f;
  } else {
    params.temperature = 1.0f;
  }
  if (dice.OneIn(4)) params.top_k = dice.Between(1, kSimVocabulary);
  if (dice.OneIn(4)) params.top_p = 0.5f;
  if (dice.OneIn(4)) params.repetition_penalty = 1.5f;
  if (dice.OneIn(4)) {
    params.min_new_tokens = dice.Between(0, *params.max_new_tokens);
  }
  if (dice.OneIn(8)) {
    params.stop_token_ids = {dice.Between(0, kSimVocabulary - 1)};
  }
  if (dice.OneIn(4)) {
    const char first = static_cast<char>('a' + dice.Between(0, 25));
    // Two letters are often held back and seldom complete.
    params.stop = {std::string(1, first) + "b", std::string(1, first) + "cd"};
  }
}

Habits World::DrawHabits(Dice& dice) const {
  Habits habits;
  if (dice.OneIn(8)) habits.cancel_after_turns = dice.Between(1, 30);
  if (!has_slow_readers_ || !dice.OneIn(4)) return habits;
  habits.takes_one_in = dice.Between(1, 12);
  habits.takes_all = dice.OneIn(2);
  if (dice.OneIn(2)) {
    habits.stalls_after_ids = dice.Between(1, 8);
    const Nanos timeout = options_.slow_reader_timeout_ms * kNanosPerMilli;
    habits.stall_time = timeout / 4 * dice.Between(1, 12);
  }
  return habits;
}

Nanos World::DrawStepTime(Dice& dice) const {
  return longest_step_ / dice.Between(1, 16);
}

}  // namespace sluice::generator
