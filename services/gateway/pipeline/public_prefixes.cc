#include "services/gateway/pipeline/public_prefixes.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"

namespace sluice::gateway {
namespace {

constexpr Nanos kRenderTimeout = 10 * kNanosPerSecond;
constexpr Nanos kWarmTimeout = 300 * kNanosPerSecond;
constexpr Nanos kRetryAfter = 5 * kNanosPerSecond;
// Two users who have not even a first letter in common.
constexpr const char* kFirstUser = "Hello";
constexpr const char* kSecondUser = "1 + 1";

// Reads a stream to its end. Kept alive by the callback that waits.
class Drain : public std::enable_shared_from_this<Drain> {
 public:
  Drain(std::shared_ptr<GeneratorStream> stream,
        std::function<void(bool whole)> done)
      : stream_(std::move(stream)), done_(std::move(done)) {}

  void Next() {
    stream_->Read([self = shared_from_this()](
                      absl::StatusOr<std::optional<GeneratorEvent>> event) {
      if (event.ok() && event->has_value()) return self->Next();
      self->done_(event.ok());
    });
  }

 private:
  const std::shared_ptr<GeneratorStream> stream_;
  const std::function<void(bool)> done_;
};

}  // namespace

int32_t CommonPrefix(const std::vector<int32_t>& ids,
                     const std::vector<int32_t>& prefix) {
  const auto [end, ignored] =
      std::mismatch(ids.begin(), ids.end(), prefix.begin(), prefix.end());
  return static_cast<int32_t>(end - ids.begin());
}

PublicPrefixes::PublicPrefixes(std::vector<std::string> system_prompts,
                               const Clock& clock, RandomSource& random)
    : system_prompts_(std::move(system_prompts)),
      clock_(clock),
      random_(random) {}

void PublicPrefixes::Tick(const std::vector<Route>& routes) {
  if (system_prompts_.empty()) return;
  std::optional<Job> job;
  {
    absl::MutexLock lock(&mutex_);
    Forget(routes);
    if (!busy_) job = NextJob(routes, clock_.Now());
    if (job.has_value()) busy_ = true;
  }
  if (!job.has_value()) return;
  if (job->prefix == nullptr) {
    Learn(*job);
  } else {
    Warm(*job);
  }
}

void PublicPrefixes::Forget(const std::vector<Route>& routes) {
  std::set<TokenizerKey, std::owner_less<TokenizerKey>> tokenizers;
  std::set<std::string> instances;
  for (const Route& route : routes) {
    tokenizers.insert(route.tokenizer);
    instances.insert(route.instance);
    lessons_[route.tokenizer].resize(system_prompts_.size());
    warmings_[route.instance].resize(system_prompts_.size());
  }
  std::erase_if(lessons_, [&tokenizers](const auto& entry) {
    return !tokenizers.contains(entry.first);
  });
  std::erase_if(warmings_, [&instances](const auto& entry) {
    return !instances.contains(entry.first);
  });
}

std::optional<PublicPrefixes::Job> PublicPrefixes::NextJob(
    const std::vector<Route>& routes, Nanos now) const {
  for (const Route& route : routes) {
    if (!route.model.chat || !route.model.Has("public_prefix")) continue;
    for (size_t prompt = 0; prompt < system_prompts_.size(); ++prompt) {
      const Lesson& lesson = *FindLesson(route, prompt);
      const Job job{.prompt = prompt,
                    .route = route,
                    .prefix = lesson.prefix,
                    .sample = lesson.sample};
      if (lesson.prefix == nullptr) {
        if (now >= lesson.retry_at) return job;
        continue;
      }
      const Warming& warming = warmings_.at(route.instance)[prompt];
      const bool fits = static_cast<int64_t>(lesson.sample->size()) <
                        route.model.context_length;
      if (fits && !warming.done && now >= warming.retry_at) return job;
    }
  }
  return std::nullopt;
}

const PublicPrefixes::Lesson* PublicPrefixes::FindLesson(const Route& route,
                                                         size_t prompt) const {
  const auto found = lessons_.find(route.tokenizer);
  return found == lessons_.end() ? nullptr : &found->second[prompt];
}

api::ChatPrompt PublicPrefixes::ProbeChat(size_t prompt,
                                          const char* user) const {
  return {.messages = {{.role = "system", .content = system_prompts_[prompt]},
                       {.role = "user", .content = user}}};
}

void PublicPrefixes::Learn(const Job& job) {
  job.route.tokenizer->RenderChat(
      ProbeChat(job.prompt, kFirstUser), clock_.Now() + kRenderTimeout,
      [weak = weak_from_this(), job](absl::StatusOr<std::vector<int32_t>> ids) {
        if (const auto self = weak.lock()) self->OnFirst(job, std::move(ids));
      });
}

void PublicPrefixes::OnFirst(const Job& job,
                             absl::StatusOr<std::vector<int32_t>> ids) {
  if (!ids.ok()) return Learned(job, {});
  job.route.tokenizer->RenderChat(
      ProbeChat(job.prompt, kSecondUser), clock_.Now() + kRenderTimeout,
      [weak = weak_from_this(), job,
       first = *std::move(ids)](absl::StatusOr<std::vector<int32_t>> second) {
        if (const auto self = weak.lock()) {
          self->OnSecond(job, first, std::move(second));
        }
      });
}

void PublicPrefixes::OnSecond(const Job& job, std::vector<int32_t> first,
                              absl::StatusOr<std::vector<int32_t>> second) {
  if (!second.ok()) return Learned(job, {});
  const int32_t common = CommonPrefix(first, *second);
  Lesson lesson;
  lesson.prefix = std::make_shared<const std::vector<int32_t>>(
      first.begin(), first.begin() + common);
  lesson.sample =
      std::make_shared<const std::vector<int32_t>>(std::move(first));
  Learned(job, std::move(lesson));
}

void PublicPrefixes::Learned(const Job& job, Lesson lesson) {
  lesson.retry_at = clock_.Now() + kRetryAfter;
  absl::MutexLock lock(&mutex_);
  busy_ = false;
  const auto found = lessons_.find(job.route.tokenizer);
  if (found != lessons_.end()) found->second[job.prompt] = std::move(lesson);
}

void PublicPrefixes::Warm(const Job& job) {
  Attempt attempt;
  attempt.request_id = absl::StrCat("public-prefix-", DrawId(random_));
  attempt.prompt_ids = *job.sample;
  attempt.params.temperature = 0;
  attempt.params.max_new_tokens = 1;
  attempt.handling.system_priority = true;
  attempt.handling.public_prefix_tokens =
      static_cast<int32_t>(job.prefix->size());
  attempt.vocabulary_hash = job.route.model.vocabulary_hash;
  attempt.deadline = clock_.Now() + kWarmTimeout;
  std::make_shared<Drain>(job.route.generator->Generate(std::move(attempt)),
                          [weak = weak_from_this(), job](bool whole) {
                            if (const auto self = weak.lock()) {
                              self->Warmed(job, whole);
                            }
                          })
      ->Next();
}

void PublicPrefixes::Warmed(const Job& job, bool done) {
  const Nanos retry_at = clock_.Now() + kRetryAfter;
  absl::MutexLock lock(&mutex_);
  busy_ = false;
  const auto found = warmings_.find(job.route.instance);
  if (found == warmings_.end()) return;
  found->second[job.prompt] = {.done = done, .retry_at = retry_at};
}

SharedIds PublicPrefixes::Find(const std::vector<api::ChatMessage>& messages,
                               const Route& route) const {
  if (messages.empty() || messages[0].role != "system" ||
      !route.model.Has("public_prefix")) {
    return nullptr;
  }
  const auto declared = std::find(system_prompts_.begin(),
                                  system_prompts_.end(), messages[0].content);
  if (declared == system_prompts_.end()) return nullptr;
  absl::MutexLock lock(&mutex_);
  const Lesson* lesson = FindLesson(
      route, static_cast<size_t>(declared - system_prompts_.begin()));
  return lesson == nullptr ? nullptr : lesson->prefix;
}

std::pair<size_t, size_t> PublicPrefixes::counts() const {
  absl::MutexLock lock(&mutex_);
  std::pair<size_t, size_t> counts;
  for (const auto& [key, lessons] : lessons_) {
    counts.first += static_cast<size_t>(std::count_if(
        lessons.begin(), lessons.end(),
        [](const Lesson& lesson) { return lesson.prefix != nullptr; }));
  }
  for (const auto& [key, warmings] : warmings_) {
    counts.second += static_cast<size_t>(
        std::count_if(warmings.begin(), warmings.end(),
                      [](const Warming& warming) { return warming.done; }));
  }
  return counts;
}

}  // namespace sluice::gateway
