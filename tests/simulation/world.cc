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
constexpr int32_t kLetters = 26;
// Ids from here on are two letters.
constexpr int32_t kFirstPair = 40;

char Letter(int32_t number) {
  return static_cast<char>('a' + number % kLetters);
}

std::string TextOf(int32_t id) {
  if (id < kFirstPair) return std::string(1, Letter(id));
  return {Letter(id * 7), Letter(id * 11)};
}

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
  options.priority_aging_ms = dice.OneOf({20, 300, 3000, 30'000});
  options.prefix_cache = !dice.OneIn(8);
  options.retry_delay_ms = dice.OneOf({1, 100, 1000});
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
    entries.push_back({ends ? "" : TextOf(id), ends});
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

bool IsRetryDelay(const std::optional<Nanos>& delay, Nanos least) {
  return delay.has_value() && *delay >= least &&
         *delay <= std::max(least, 60 * kNanosPerSecond);
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
  // Few enough that nobody waits, and guesses may run.
  if (dice.OneIn(3)) {
    target_in_flight_ = dice.Between(2, 6);
    options_.scheduler.max_batch_size = 16;
    options_.scheduler.max_step_rows = 80;
    options_.scheduler.min_batch_size = 1;
    pool_sequences_ = dice.OneOf({1.2, 2.0, 4.0, 8.0});
  }
  has_slow_readers_ = dice.OneIn(2);
  has_deadlines_ = dice.OneIn(2);
  has_timeouts_ = dice.OneIn(4);
  longest_step_ = dice.OneOf({1, 10, 60}) * kNanosPerMilli;
  steady_steps_ = dice.OneIn(2);
  if (!dice.OneIn(4)) {
    options_.scheduler.speculation.on = true;
    options_.scheduler.speculation.max_draft = dice.OneOf({1, 3, 8});
    if (!dice.OneIn(4)) planted_rate_ = dice.OneOf({0.0, 0.6, 0.8, 0.9, 1.0});
  }
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
  if (public_tokens_ == 0 ||
      prompt.size() < static_cast<size_t>(public_tokens_)) {
    return false;
  }
  return std::any_of(shared_texts_.begin(), shared_texts_.end() - 1,
                     [&](const std::vector<int32_t>& text) {
                       return std::equal(text.begin(),
                                         text.begin() + public_tokens_,
                                         prompt.begin());
                     });
}

int32_t World::DrawTimeoutMs(Dice& dice) const {
  return 1 + static_cast<int32_t>(dice.Between(1, 60) * longest_step_ /
                                  kNanosPerMilli);
}

void World::DrawParams(Dice& dice, RequestFields& fields) const {
  SamplingOverrides& params = fields.params;
  params.max_new_tokens = dice.Between(1, kLongestNew);
  // Beyond the context, and nothing said at all: as much as there is.
  if (dice.OneIn(24)) params.max_new_tokens = dice.Between(1, kSimContext);
  if (dice.OneIn(48)) params.max_new_tokens = std::nullopt;
  params.ignore_eos = !dice.OneIn(3);
  params.temperature = dice.OneIn(4) ? 0.0f : 1.0f;
  if (dice.OneIn(4)) params.temperature = dice.OneOf({0.5f, 1.7f});
  if (dice.OneIn(16)) params.do_sample = false;
  if (dice.OneIn(4)) params.top_k = dice.Between(1, kSimVocabulary);
  if (dice.OneIn(4)) params.top_p = dice.OneOf({0.3f, 0.5f, 0.9f});
  if (dice.OneIn(4)) params.repetition_penalty = dice.OneOf({0.8f, 1.5f});
  if (dice.OneIn(8)) params.seed = dice.Bits();
  if (dice.OneIn(4)) {
    params.min_new_tokens =
        dice.Between(0, params.max_new_tokens.value_or(kLongestNew));
  }
  if (dice.OneIn(8)) {
    params.stop_token_ids = {dice.Between(0, kSimVocabulary - 1)};
  }
  const char first = Letter(dice.Between(0, kLetters - 1));
  const char second = Letter(dice.Between(0, kLetters - 1));
  if (dice.OneIn(4)) params.stop = DrawStops(dice, first, second);
  if (!dice.OneIn(10)) return;
  if (dice.OneIn(4)) {
    // So many that a stop string which was begun is mostly completed.
    params.stop.clear();
    for (int32_t i = 0; i < kMaxStops; ++i) {
      params.stop.push_back({first, Letter(i)});
    }
  }
  DrawResumed(dice, first, second, fields);
}

// Of two letters, so that one may begin within another; seldom complete. Or of
// one letter and many others, begun and completed often.
std::vector<std::string> World::DrawStops(Dice& dice, char first,
                                          char second) const {
  std::vector<std::string> stops;
  const bool many = dice.OneIn(2);
  for (int32_t count = dice.Between(1, many ? 12 : 4); count > 0; --count) {
    std::string stop(1, first);
    if (many) {
      stop += Letter(dice.Between(0, kLetters - 1));
      if (dice.OneIn(3)) stop += Letter(dice.Between(0, kLetters - 1));
    } else {
      for (int32_t n = dice.Between(1, 3); n > 0; --n) {
        stop += dice.OneIn(2) ? first : second;
      }
    }
    stops.push_back(std::move(stop));
  }
  return stops;
}

// What another model said before this one took over: ids that this one would
// not have chosen, with stop strings begun and not held back.
void World::DrawResumed(Dice& dice, char first, char second,
                        RequestFields& fields) const {
  const int32_t most =
      std::min({fields.params.max_new_tokens.value_or(kLongestNew),
                kSimContext - static_cast<int32_t>(fields.prompt_ids.size()),
                int32_t{12}});
  for (int32_t index = 0; index < fields.n; ++index) {
    if (dice.OneIn(4)) continue;
    std::vector<int32_t> ids = DrawIds(dice, dice.Between(1, most));
    for (int32_t& id : ids) {
      if (dice.OneIn(2)) id = (dice.OneIn(2) ? first : second) - 'a';
    }
    if (dice.OneIn(2)) ids.back() = first - 'a';
    // The letter a is that of a later id, for the first one ends sequences.
    for (int32_t& id : ids) id = id == 0 ? kLetters : id;
    fields.resumed.push_back({index, std::move(ids)});
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
  return longest_step_ / (steady_steps_ ? 4 : dice.Between(1, 16));
}

}  // namespace sluice::generator
