#include "services/generator/scheduler/sequence.h"

#include <algorithm>

namespace sluice::generator {

Sequence::Sequence(LiveRequest& request, int32_t index, BlockPool& pool,
                   const Vocabulary& vocabulary, int32_t vocabulary_size)
    : request(&request),
      index(index),
      ids(request.request.prompt()),
      blocks(pool),
      stops(request.request.stop_rules(), vocabulary) {
  if (request.request.params().repetition_penalty != 1.0f) {
    seen = std::make_unique<SeenTokens>(vocabulary_size);
    seen->AddAll(ids);
  }
  const std::vector<int32_t>& resumed = request.request.resumed(index);
  const size_t used = stops.Replay(resumed, end);
  for (size_t i = 0; i < used; ++i) Append(resumed[i]);
  if (end.has_value()) state = State::kEnded;
}

void Sequence::Append(int32_t id) {
  ids.push_back(id);
  if (seen != nullptr) seen->Add(id);
}

void Sequence::Charge(int32_t cached) {
  const int32_t count = static_cast<int32_t>(ids.size());
  request->account->served += std::max(0, count - std::max(charged, cached));
  charged = count;
}

Nanos LiveRequest::ends_by() const {
  Nanos next = request.deadline();
  if (!started) next = std::min(next, start_by);
  if (first_token_at == 0) next = std::min(next, first_token_by);
  return next;
}

Phase LiveRequest::phase() const {
  if (!started) return Phase::kQueued;
  return first_token_at == 0 ? Phase::kPrefill : Phase::kDecode;
}

bool LiveRequest::all_ended() const {
  return std::all_of(sequences.begin(), sequences.end(), [](const Sequence& s) {
    return s.state == Sequence::State::kEnded;
  });
}

}  // namespace sluice::generator
