#include "tests/simulation/waits.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace sluice::generator {
namespace {

absl::Status Broken(const LiveRequest& request, const std::string& what) {
  return absl::InternalError(
      absl::StrCat("waits: ", request.request.id(), " ", what));
}

// Rows that a request can have computed at most: each of its positions once,
// and again each time it lost its blocks.
int64_t RowsOf(const LiveRequest& live, const Scheduler& scheduler) {
  return live.request.cost_tokens() * (1 + scheduler.options().max_preemptions);
}

// It could have been started instead of somebody else.
bool CouldStart(const LiveRequest& live) {
  return !live.paused &&
         std::none_of(live.sequences.begin(), live.sequences.end(),
                      [](const Sequence& s) { return s.awaited_prefix; });
}

}  // namespace

void WaitJudge::BeforeStep(const Scheduler& scheduler) {
  served_.clear();
  int64_t rows = 0;
  for (const auto& [ticket, live] : scheduler.requests()) {
    served_[live->account] = live->account->served;
    rows += RowsOf(*live, scheduler);
  }
  for (const auto& [ticket, live] : scheduler.requests()) {
    if (live->started) continue;
    waiting_.try_emplace(
        ticket, Waiting{.rows_ahead = rows,
                        .last_known = scheduler.requests().rbegin()->first});
  }
}

absl::Status WaitJudge::AfterStep(const Scheduler& scheduler, bool ran) {
  std::erase_if(waiting_, [&](const auto& entry) {
    return !scheduler.requests().contains(entry.first);
  });
  for (const auto& [ticket, live] : scheduler.requests()) {
    if (!live->started || !waiting_.contains(ticket)) continue;
    waiting_.erase(ticket);
    RETURN_IF_ERROR(JudgeStart(*live, scheduler));
  }
  if (!ran) return absl::OkStatus();
  for (auto& [ticket, waiting] : waiting_) {
    longest_ = std::max(longest_, ++waiting.steps);
    if (waiting.steps <= waiting.rows_ahead) continue;
    return Broken(*scheduler.requests().at(ticket),
                  absl::StrCat("waited ", waiting.steps, " steps, limit ",
                               waiting.rows_ahead));
  }
  return absl::OkStatus();
}

absl::Status WaitJudge::JudgeStart(const LiveRequest& started,
                                   const Scheduler& scheduler) {
  for (auto& [ticket, waiting] : waiting_) {
    const LiveRequest& waits = *scheduler.requests().at(ticket);
    if (waits.started) continue;
    if (started.ticket > waiting.last_known) {
      waiting.rows_ahead += RowsOf(started, scheduler);
    }
    situations_->MetIf(started.ticket > ticket, Situation::kLetPass);
    if (!CouldStart(waits) || waits.aged_class > started.aged_class) continue;
    if (waits.aged_class < started.aged_class) {
      return Broken(waits, "was overtaken by a lower class");
    }
    if (waits.account == started.account) {
      if (started.ticket < ticket) continue;
      return Broken(waits, "was overtaken by a later one of its tenant");
    }
    // Both were served more since, so this much is certain.
    if (served_.at(started.account) > waits.account->served) {
      return Broken(waits, "was overtaken by a tenant that was served more");
    }
  }
  return absl::OkStatus();
}

}  // namespace sluice::generator
