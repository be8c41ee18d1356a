#include "services/gateway/pipeline/answer.h"

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

}  // namespace

Answer::Answer(std::string request_id, std::string model,
               std::shared_ptr<const Vocabulary> vocabulary)
    : request_id_(std::move(request_id)),
      model_(std::move(model)),
      vocabulary_(std::move(vocabulary)),
      decoder_(*vocabulary_, /*skip_special=*/true) {}

absl::StatusOr<api::Event> Answer::Take(GeneratorEvent event) {
  if (complete_) return BrokenPeer("an event after Finished");
  return std::visit(
      [this](auto&& alternative) {
        return Convert(std::forward<decltype(alternative)>(alternative));
      },
      std::move(event));
}

absl::StatusOr<api::Event> Answer::Convert(api::Queued event) {
  if (started_) return BrokenPeer("Queued after Started");
  return event;
}

absl::StatusOr<api::Event> Answer::Convert(AttemptStarted event) {
  if (started_) return BrokenPeer("a second Started");
  started_ = true;
  return api::Started{.request_id = request_id_,
                      .model = model_,
                      .prompt_tokens = event.prompt_tokens,
                      .cached_tokens = event.cached_tokens,
                      .effective_params = std::move(event.effective_params),
                      .fingerprint = std::move(event.fingerprint)};
}

absl::StatusOr<api::Event> Answer::Convert(api::Progress event) {
  if (!started_) return BrokenPeer("Progress before Started");
  return event;
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
    if (id < 0 || id >= vocabulary_->size()) {
      return BrokenPeer(
          absl::StrCat("id ", id, ", limit 0 to ", vocabulary_->size() - 1));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<api::Event> Answer::Convert(TokenDelta event) {
  RETURN_IF_ERROR(CheckDelta(event));
  api::Delta delta;
  delta.tokens = static_cast<int32_t>(event.ids.size());
  if (event.finish) {
    delta.text = decoder_.Finish(event.ids, event.finish->trim_bytes);
    finish_ = std::move(event.finish);
  } else if (!event.ids.empty()) {
    delta.text = decoder_.Push(event.ids);
  }
  return delta;
}

absl::StatusOr<api::Event> Answer::Convert(AttemptFinished event) {
  if (!finish_.has_value()) return BrokenPeer("Finished before the sequence");
  complete_ = true;
  return api::Finished{.reason = finish_->reason,
                       .matched_stop = std::move(finish_->matched_stop),
                       .usage = event.usage,
                       .timings = event.timings};
}

}  // namespace sluice::gateway
