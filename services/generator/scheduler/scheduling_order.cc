#include "services/generator/scheduler/scheduling_order.h"

#include <algorithm>
#include <tuple>

namespace sluice::generator {

using State = Sequence::State;

bool ComesBefore(const LiveRequest& a, const LiveRequest& b) {
  const auto order = [](const LiveRequest& request) {
    return std::make_tuple(request.aged_class, request.account->served,
                           request.ticket);
  };
  return order(a) < order(b);
}

bool ComesBefore(const Sequence& a, const Sequence& b) {
  if (a.request == b.request) return a.index < b.index;
  return ComesBefore(*a.request, *b.request);
}

const Sequence* ForkSource(const Sequence& sequence) {
  const int32_t prompt = sequence.request->request.prompt_tokens();
  for (const Sequence& sibling : sequence.request->sequences) {
    if (sibling.state == State::kRunning && sibling.computed >= prompt - 1) {
      return &sibling;
    }
  }
  return nullptr;
}

bool SiblingPrefills(const Sequence& sequence) {
  if (sequence.request->sequences.size() == 1) return false;
  const auto& siblings = sequence.request->sequences;
  return ForkSource(sequence) == nullptr &&
         std::any_of(siblings.begin(), siblings.end(), [](const Sequence& s) {
           return s.state == State::kRunning;
         });
}

Sequence* PickVictim(absl::Span<Sequence* const> running, bool paused_only) {
  Sequence* last = nullptr;
  for (Sequence* sequence : running) {
    if (sequence->state != State::kRunning || sequence->pinned) continue;
    if (paused_only && !sequence->request->paused) continue;
    if (last == nullptr || ComesBefore(*last, *sequence)) last = sequence;
  }
  return last;
}

}  // namespace sluice::generator
