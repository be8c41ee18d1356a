#include "services/generator/engine/outbox.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace sluice::generator {
namespace {

// A stop string must lie within the message that carries the end.
constexpr int64_t kLastMessageIds = 1024;

}  // namespace

Outbox::Outbox(const OutboxLimits& limits, std::function<void()> on_ready,
               std::function<void()> on_room)
    : limits_(limits),
      on_ready_(std::move(on_ready)),
      on_room_(std::move(on_room)) {
  SLUICE_CHECK(limits.max_pending_ids >= 1, "an outbox holds an id");
  SLUICE_CHECK(limits.max_message_ids >= 2 * kLastMessageIds,
               "a message holds the ids of a stop string");
}

void Outbox::Push(StreamMessage message) {
  bool was_empty;
  {
    absl::MutexLock lock(&mutex_);
    SLUICE_CHECK(!end_.has_value(), "nothing follows the end");
    was_empty = messages_.empty();
    Merge(std::move(message));
    if (pending_ids_ >= limits_.max_pending_ids) full_ = true;
  }
  if (was_empty) on_ready_();
}

void Outbox::Merge(StreamMessage message) {
  if (auto* delta = std::get_if<Delta>(&message)) {
    pending_ids_ += static_cast<int64_t>(delta->ids.size());
    if (MergeDelta(*delta)) return;
  } else if (!messages_.empty() &&
             messages_.back().index() == message.index()) {
    // A newer position or progress makes the older one pointless.
    messages_.back() = std::move(message);
    return;
  }
  messages_.push_back(std::move(message));
}

// Deltas of different sequences may pass each other, so it is enough to look
// through those at the end for one of the same sequence.
bool Outbox::MergeDelta(Delta& delta) {
  for (auto it = messages_.rbegin(); it != messages_.rend(); ++it) {
    auto* unread = std::get_if<Delta>(&*it);
    if (unread == nullptr) return false;
    if (unread->index != delta.index) continue;
    if (unread->end.has_value()) return delta.ids.empty();
    unread->ids.insert(unread->ids.end(), delta.ids.begin(), delta.ids.end());
    unread->end = std::move(delta.end);
    return true;
  }
  return false;
}

void Outbox::Close(absl::Status status) {
  bool was_empty;
  {
    absl::MutexLock lock(&mutex_);
    SLUICE_CHECK(!end_.has_value(), "a stream ends once");
    was_empty = messages_.empty();
    end_ = std::move(status);
  }
  if (was_empty) on_ready_();
}

bool Outbox::full() const {
  absl::MutexLock lock(&mutex_);
  return full_;
}

bool Outbox::empty() const {
  absl::MutexLock lock(&mutex_);
  return messages_.empty();
}

Outbox::Taken Outbox::Take() {
  Taken taken;
  bool has_room = false;
  {
    absl::MutexLock lock(&mutex_);
    if (messages_.empty()) {
      taken.end = end_;
      return taken;
    }
    taken.message = TakeFront();
    if (full_ && pending_ids_ <= limits_.max_pending_ids / 2) {
      full_ = false;
      has_room = true;
    }
  }
  if (has_room) on_room_();
  return taken;
}

StreamMessage Outbox::TakeFront() {
  auto* delta = std::get_if<Delta>(&messages_.front());
  const int64_t ids =
      delta == nullptr ? 0 : static_cast<int64_t>(delta->ids.size());
  if (ids <= limits_.max_message_ids) {
    StreamMessage message = std::move(messages_.front());
    messages_.pop_front();
    pending_ids_ -= ids;
    return message;
  }
  const int64_t count =
      std::min<int64_t>(limits_.max_message_ids, ids - kLastMessageIds);
  Delta first;
  first.index = delta->index;
  first.ids.assign(delta->ids.begin(), delta->ids.begin() + count);
  delta->ids.erase(delta->ids.begin(), delta->ids.begin() + count);
  pending_ids_ -= count;
  return first;
}

void Outbox::Cancel() {
  cancelled_.store(true, std::memory_order_release);
  on_room_();
}

}  // namespace sluice::generator
