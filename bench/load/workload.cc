#include "bench/load/workload.h"

#include <array>
#include <string_view>

#include "common/base/check.h"
#include "common/base/random.h"

namespace sluice::load {
namespace {

// Streams of random numbers that have nothing to do with each other.
enum class Stream : uint64_t { kRequest = 1, kQuestion = 2, kPrefix = 3 };

SeededRandom RandomOf(const WorkloadOptions& options, Stream stream,
                      int64_t index) {
  SeededRandom root(options.seed);
  const uint64_t base = root.Next();
  SeededRandom mixed(base ^ (static_cast<uint64_t>(stream) << 56));
  return SeededRandom(mixed.Next() ^ static_cast<uint64_t>(index));
}

constexpr std::array<std::string_view, 32> kWords = {
    "time",  "water", "light", "house", "people", "small", "river", "green",
    "first", "night", "stone", "music", "paper",  "under", "every", "bright",
    "slow",  "bread", "train", "city",  "winter", "open",  "hand",  "story",
    "north", "glass", "field", "quiet", "king",   "early", "sound", "road"};

// Words or ids, whichever the face takes.
class PromptWriter {
 public:
  PromptWriter(PlannedRequest& request, int32_t vocabulary_size)
      : request_(request), vocabulary_size_(vocabulary_size) {}

  void Write(int32_t tokens, RandomSource& random) {
    for (int32_t i = 0; i < tokens; ++i) {
      const uint64_t draw = random.Next() >> 16;
      if (vocabulary_size_ > 0) {
        request_.prompt_ids.push_back(static_cast<int32_t>(
            draw % static_cast<uint64_t>(vocabulary_size_)));
        continue;
      }
      if (!request_.prompt.empty()) request_.prompt += ' ';
      request_.prompt += kWords[draw % kWords.size()];
    }
  }

 private:
  PlannedRequest& request_;
  const int32_t vocabulary_size_;
};

// What to ask and for how much.
void WriteQuestion(const WorkloadOptions& options, RandomSource& random,
                   PromptWriter& writer, PlannedRequest& request) {
  if (options.prefix_tokens > 0 && DrawUnit(random) < options.prefix_share) {
    const auto prefix = static_cast<int64_t>(
        random.Next() % static_cast<uint64_t>(options.prefixes));
    SeededRandom words = RandomOf(options, Stream::kPrefix, prefix);
    writer.Write(options.prefix_tokens, words);
  }
  writer.Write(options.prompt_tokens.Draw(random), random);
  request.max_new_tokens = options.output_tokens.Draw(random);
  request.seed = random.Next();
}

int32_t DrawTenant(const std::vector<Tenant>& tenants, RandomSource& random) {
  double total = 0;
  for (const Tenant& tenant : tenants) total += tenant.weight;
  double left = DrawUnit(random) * total;
  for (size_t i = 0; i + 1 < tenants.size(); ++i) {
    left -= tenants[i].weight;
    if (left < 0) return static_cast<int32_t>(i);
  }
  return static_cast<int32_t>(tenants.size()) - 1;
}

}  // namespace

PlannedRequest PlanRequest(const WorkloadOptions& options, bool ids,
                           int64_t index) {
  SLUICE_CHECK(!ids || options.vocabulary_size > 0,
               "ids need the size of the vocabulary");
  SeededRandom random = RandomOf(options, Stream::kRequest, index);
  PlannedRequest request;
  request.index = index;
  request.temperature = static_cast<float>(options.temperature);
  request.ignore_eos = options.ignore_eos;
  if (!options.tenants.empty()) {
    request.tenant = DrawTenant(options.tenants, random);
    request.tenant_name = options.tenants[request.tenant].name;
  }
  request.slow = DrawUnit(random) < options.slow_share;
  if (DrawUnit(random) < options.cancel_share) {
    const double within = options.cancel_within_ms * DrawUnit(random);
    request.cancel_after = static_cast<Nanos>(within * kNanosPerMilli);
  }
  PromptWriter writer(request, ids ? options.vocabulary_size : 0);
  if (options.questions == 0) {
    WriteQuestion(options, random, writer, request);
    return request;
  }
  request.question = static_cast<int32_t>(
      random.Next() % static_cast<uint64_t>(options.questions));
  SeededRandom of_question =
      RandomOf(options, Stream::kQuestion, request.question);
  WriteQuestion(options, of_question, writer, request);
  return request;
}

}  // namespace sluice::load
