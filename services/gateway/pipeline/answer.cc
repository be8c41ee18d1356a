#include "services/gateway/pipeline/answer.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace sluice::gateway {
namespace {

absl::Status BrokenPeer(std::string_view what) {
  return absl::InternalError(
      absl::StrCat("generator: broke its contract, ",
                   absl::string_view(what.data(), what.size())));
}

std::vector<api::Event> One(api::Event event) {
  std::vector<api::Event> events;
  events.push_back(std::move(event));
  return events;
}

}  // namespace

Answer::Answer(AnswerHead head, std::shared_ptr<const Vocabulary> vocabulary,
               const AnswerWish& wish)
    : head_(std::move(head)), text_(std::move(vocabulary), wish) {}

absl::StatusOr<std::vector<api::Event>> Answer::Take(GeneratorEvent event) {
  if (complete_) return BrokenPeer("an event after Finished");
  return std::visit(
      [this](auto&& alternative) {
        return Convert(std::forward<decltype(alternative)>(alternative));
      },
      std::move(event));
}

Answer::Events Answer::Convert(api::Queued event) {
  if (started_) return BrokenPeer("Queued after Started");
  return One(event);
}

Answer::Events Answer::Convert(AttemptStarted event) {
  if (started_) return BrokenPeer("a second Started");
  started_ = true;
  return One(api::Started{.request_id = head_.request_id,
                          .model = head_.model,
                          .prompt_tokens = event.prompt_tokens,
                          .cached_tokens = event.cached_tokens,
                          .effective_params = std::move(event.effective_params),
                          .fingerprint = std::move(event.fingerprint)});
}

Answer::Events Answer::Convert(api::Progress event) {
  if (!started_) return BrokenPeer("Progress before Started");
  return One(event);
}

absl::Status Answer::CheckDelta(const TokenDelta& event) const {
  if (!started_) return BrokenPeer("a Delta before Started");
  if (event.index != 0) {
    return BrokenPeer(absl::StrCat("sequence ", event.index, ", limit 0"));
  }
  if (finish_.has_value() && (!event.ids.empty() || event.finish)) {
    return BrokenPeer("tokens after the end of the sequence");
  }
  if (event.finish && event.finish->trim_bytes < 0) {
    return BrokenPeer(
        absl::StrCat("trim_bytes ", event.finish->trim_bytes, ", limit 0"));
  }
  for (const int32_t id : event.ids) {
    if (id < 0 || id >= head_.vocabulary_size) {
      return BrokenPeer(
          absl::StrCat("id ", id, ", limit 0 to ", head_.vocabulary_size - 1));
    }
  }
  return absl::OkStatus();
}

Answer::Events Answer::Convert(TokenDelta event) {
  RETURN_IF_ERROR(CheckDelta(event));
  const auto tokens = static_cast<int32_t>(event.ids.size());
  std::vector<api::Delta> deltas;
  if (event.finish) {
    deltas = text_.Finish(event.ids, event.finish->trim_bytes);
    finish_ = std::move(event.finish);
  } else {
    deltas = text_.Push(event.ids);
  }
  if (deltas.empty()) deltas.emplace_back();
  deltas.front().tokens = tokens;
  return std::vector<api::Event>(std::make_move_iterator(deltas.begin()),
                                 std::make_move_iterator(deltas.end()));
}

Answer::Events Answer::Convert(AttemptFinished event) {
  if (!finish_.has_value()) return BrokenPeer("Finished before the sequence");
  complete_ = true;
  return One(api::Finished{.reason = finish_->reason,
                           .matched_stop = std::move(finish_->matched_stop),
                           .usage = event.usage,
                           .timings = event.timings});
}

}  // namespace sluice::gateway
