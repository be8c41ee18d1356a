#include "tests/simulation/oracle.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "services/generator/sampler/seen_tokens.h"
#include "services/generator/scheduler/hash_runner.h"
#include "tests/simulation/tenant_hash_runner.h"
#include "tests/simulation/world.h"

namespace sluice::generator {
namespace {

constexpr int32_t kEndId = 0;

bool Contains(const std::vector<int32_t>& ids, int32_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

// As many new tokens as were asked for, but prompt and output within the
// context; all else as it was asked for.
SamplingParams Resolve(const RequestFields& fields) {
  const SamplingOverrides& asked = fields.params;
  const int32_t left =
      kSimContext - static_cast<int32_t>(fields.prompt_ids.size());
  SamplingParams params;
  params.temperature = asked.temperature.value_or(1.0f);
  params.top_k = asked.top_k.value_or(0);
  params.top_p = asked.top_p.value_or(1.0f);
  params.repetition_penalty = asked.repetition_penalty.value_or(1.0f);
  params.seed = asked.seed.value_or(fields.drawn_seed);
  params.max_new_tokens = std::min(asked.max_new_tokens.value_or(left), left);
  params.min_new_tokens = asked.min_new_tokens.value_or(0);
  params.stop = asked.stop;
  params.stop_token_ids = asked.stop_token_ids;
  params.ignore_eos = asked.ignore_eos.value_or(false);
  params.do_sample = asked.do_sample.value_or(true);
  return params;
}

// An end by an id that is not shown.
bool EndsUnseen(const SamplingParams& params, int32_t id) {
  return (!params.ignore_eos && id == kEndId) ||
         Contains(params.stop_token_ids, id);
}

}  // namespace

int32_t ExpectedSequence::TrimAfter(int32_t resumed) const {
  if (resumed == 0 || text_end.empty()) return end.trim_bytes;
  const int64_t kept = text_end.back() - text_end[resumed - 1];
  return static_cast<int32_t>(std::min<int64_t>(end.trim_bytes, kept));
}

bool ExpectedSequence::BeginsStopAfter(int32_t resumed) const {
  return static_cast<size_t>(resumed) < shown_after.size() &&
         shown_after[resumed] < resumed;
}

bool ExpectedSequence::StopSpans(int32_t resumed) const {
  return static_cast<size_t>(resumed) < shown.size() &&
         TrimAfter(resumed) < end.trim_bytes;
}

int64_t PendingBytes(const std::string& text,
                     absl::Span<const std::string> stops) {
  size_t longest = 0;
  for (const std::string& stop : stops) {
    for (size_t n = std::min(stop.size() - 1, text.size()); n > longest; --n) {
      if (text.compare(text.size() - n, n, stop, 0, n) == 0) longest = n;
    }
  }
  return static_cast<int64_t>(longest);
}

std::vector<ExpectedSequence> Oracle::Expect(const RequestFields& fields) {
  const SlotOwner owner(fields.tenant, fields.public_prefix_tokens);
  const SamplingParams params = Resolve(fields);
  std::vector<ExpectedSequence> all;
  for (int32_t index = 0; index < fields.n; ++index) {
    Walk walk;
    walk.index = index;
    walk.seen.resize(logits_.size());
    for (int32_t id : fields.prompt_ids) Read(owner, id, walk);
    std::vector<int32_t> resumed;
    for (const ResumedIds& one : fields.resumed) {
      if (one.index == index) resumed = one.ids;
    }
    all.push_back(ExpectOne(params, resumed, owner, walk));
  }
  return all;
}

void Oracle::Read(const SlotOwner& owner, int32_t id, Walk& walk) {
  walk.seen[id] = true;
  walk.chain = HashChain(
      walk.chain, TenantSlot(owner.At(walk.position), id, walk.position));
  ++walk.position;
}

ExpectedSequence Oracle::ExpectOne(const SamplingParams& params,
                                   const std::vector<int32_t>& resumed,
                                   const SlotOwner& owner, Walk& walk) {
  ExpectedSequence expected;
  bool ended = false, replays = true;
  while (!ended) {
    const int64_t safe = static_cast<int64_t>(walk.text.size()) -
                         PendingBytes(walk.text, params.stop);
    expected.shown_after.push_back(
        static_cast<int32_t>(std::upper_bound(expected.text_end.begin(),
                                              expected.text_end.end(), safe) -
                             expected.text_end.begin()));
    const size_t at = static_cast<size_t>(expected.generated);
    replays =
        replays && at < resumed.size() && !EndsUnseen(params, resumed[at]);
    const int32_t id =
        replays ? resumed[at] : Choose(params, expected.generated, walk);
    expected.replayed += replays;
    ended = Ends(params, id, expected, walk);
    Read(owner, id, walk);
  }
  return expected;
}

int32_t Oracle::Choose(const SamplingParams& params, int32_t generated,
                       const Walk& walk) {
  HashLogits(walk.chain, absl::MakeSpan(logits_));
  absl::Span<const int32_t> banned;
  if (generated < params.min_new_tokens) banned = {&kEndId, 1};
  const Choice choice = drawer_.Draw(logits_, params,
                                     {.seen = walk.seen,
                                      .banned_ids = banned,
                                      .sequence_index = walk.index,
                                      .position = walk.position});
  if (choice.certain) return choice.id;
  SeenTokens seen(static_cast<int32_t>(logits_.size()));
  for (size_t id = 0; id < walk.seen.size(); ++id) {
    if (walk.seen[id]) seen.Add(static_cast<int32_t>(id));
  }
  SamplePoint point;
  point.seen = &seen;
  point.banned_ids = banned;
  point.sequence_index = walk.index;
  point.position = walk.position;
  const auto id = sampler_.Sample(logits_, params, point);
  SLUICE_CHECK(id.ok(), "the logits are finite");
  return *id;
}

bool Oracle::Ends(const SamplingParams& params, int32_t id,
                  ExpectedSequence& expected, Walk& walk) const {
  ++expected.generated;
  SequenceEnd& end = expected.end;
  if (EndsUnseen(params, id)) {
    const bool eos = !params.ignore_eos && id == kEndId;
    end.reason = eos ? FinishReason::kEos : FinishReason::kStop;
    end.matched_id = id;
    return true;
  }
  const std::optional<StopMatch> match = Add(id, params.stop, walk.text);
  expected.shown.push_back(id);
  expected.text_end.push_back(static_cast<int64_t>(walk.text.size()));
  end.reason = match.has_value() ? FinishReason::kStop : FinishReason::kLength;
  if (!match.has_value()) return expected.generated == params.max_new_tokens;
  end.matched_stop = *match->stop;
  end.trim_bytes = static_cast<int32_t>(walk.text.size() - match->start);
  return true;
}

// Among those that the id completes the one that starts first, of these the
// shortest.
std::optional<Oracle::StopMatch> Oracle::Add(
    int32_t id, absl::Span<const std::string> stops, std::string& text) const {
  if (vocabulary_.special(id)) return std::nullopt;
  const size_t before = text.size();
  text += vocabulary_.bytes(id);
  std::optional<StopMatch> best;
  for (const std::string& stop : stops) {
    const size_t first = before + 1 - std::min(before + 1, stop.size());
    const size_t start = text.find(stop, first);
    if (start == std::string::npos) continue;
    if (!best.has_value() ||
        std::make_pair(start, stop.size()) <
            std::make_pair(best->start, best->stop->size())) {
      best = StopMatch{&stop, start};
    }
  }
  return best;
}

}  // namespace sluice::generator
