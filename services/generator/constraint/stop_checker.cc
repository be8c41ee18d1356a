#include "services/generator/constraint/stop_checker.h"

#include <algorithm>
#include <string_view>

#include "common/base/check.h"

namespace sluice::generator {
namespace {

bool Contains(const std::vector<int32_t>& ids, int32_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

std::optional<SequenceEnd> StopChecker::Push(int32_t id) {
  SLUICE_CHECK(!ended_, "an ended sequence takes no more ids");
  ++generated_;
  std::optional<SequenceEnd> end = Judge(id);
  if (!end.has_value() && generated_ >= rules_->max_new_tokens) {
    end = SequenceEnd{.reason = FinishReason::kLength};
  }
  ended_ = end.has_value();
  return end;
}

size_t StopChecker::Replay(absl::Span<const int32_t> ids,
                           std::optional<SequenceEnd>& end) {
  size_t used = 0;
  while (used < ids.size() && !ended_) end = Push(ids[used++]);
  held_.clear();
  shown_bytes_ = text_bytes_;
  if (end.has_value()) end->trim_bytes = 0;
  return used;
}

std::vector<int32_t> StopChecker::TakeShowable() {
  const int64_t pending = ended_ ? 0 : StopStrings::PendingBytes(cursor_);
  const int64_t safe_end = text_bytes_ - pending;
  std::vector<int32_t> ids;
  while (!held_.empty() && held_.front().text_end <= safe_end) {
    ids.push_back(held_.front().id);
    shown_bytes_ = held_.front().text_end;
    held_.pop_front();
  }
  return ids;
}

std::optional<SequenceEnd> StopChecker::Judge(int32_t id) {
  if (Contains(rules_->eos_ids, id)) {
    return SequenceEnd{.reason = FinishReason::kEos, .matched_id = id};
  }
  if (Contains(rules_->stop_ids, id)) {
    return SequenceEnd{.reason = FinishReason::kStop, .matched_id = id};
  }
  const Match match = ReadText(id);
  held_.push_back({id, text_bytes_});
  if (match.pattern == StopStrings::kNone) return std::nullopt;
  SequenceEnd end;
  end.reason = FinishReason::kStop;
  end.matched_stop = rules_->stop_strings.pattern(match.pattern);
  // A stop that begins in ids given out before (after a replay) can only be
  // cut as far as those still held.
  end.trim_bytes =
      static_cast<int32_t>(text_bytes_ - std::max(match.start, shown_bytes_));
  return end;
}

// All of the id is read even after a match: one that starts earlier may end
// later.
StopChecker::Match StopChecker::ReadText(int32_t id) {
  Match best;
  if (vocabulary_->special(id)) return best;
  std::string_view bytes = vocabulary_->bytes(id);
  if (bytes.empty()) return best;
  if (at_start_ && vocabulary_->rules().strip_leading_space &&
      bytes.front() == ' ') {
    bytes.remove_prefix(1);
  }
  at_start_ = false;
  for (const char c : bytes) {
    const int32_t pattern = rules_->stop_strings.Advance(cursor_, c);
    ++text_bytes_;
    if (pattern == StopStrings::kNone) continue;
    const int64_t start =
        text_bytes_ -
        static_cast<int64_t>(rules_->stop_strings.pattern(pattern).size());
    if (best.pattern == StopStrings::kNone || start < best.start) {
      best = {pattern, start};
    }
  }
  return best;
}

}  // namespace sluice::generator
