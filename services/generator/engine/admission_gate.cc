#include "services/generator/engine/admission_gate.h"

#include <utility>

#include "common/base/check.h"

namespace sluice::generator {
namespace {

QueueRoom::Key KeyOf(const Request& request) {
  return {request.tenant(), static_cast<int32_t>(request.priority())};
}

}  // namespace

void AdmissionGate::Publish(QueueRoom room) {
  absl::MutexLock lock(&mutex_);
  room_ = std::move(room);
}

absl::Status AdmissionGate::Enter(const Request& request) {
  QueueRoom::Key key = KeyOf(request);
  absl::MutexLock lock(&mutex_);
  if (inside_count_ >= room_.requests) {
    return QueueFullError("requests", inside_count_ + 1, room_.requests,
                          room_.retry_delay);
  }
  const int32_t room = RoomOf(key);
  int32_t& inside = inside_[std::move(key)];
  if (inside >= room) {
    if (inside == 0) inside_.erase(KeyOf(request));
    return QueueTooSlowError(room_.retry_delay);
  }
  ++inside;
  ++inside_count_;
  return absl::OkStatus();
}

void AdmissionGate::Leave(const Request& request) {
  absl::MutexLock lock(&mutex_);
  const auto found = inside_.find(KeyOf(request));
  SLUICE_CHECK(found != inside_.end(), "who leaves has entered");
  if (--found->second == 0) inside_.erase(found);
  --inside_count_;
}

Nanos AdmissionGate::retry_delay() const {
  absl::MutexLock lock(&mutex_);
  return room_.retry_delay;
}

int32_t AdmissionGate::RoomOf(const QueueRoom::Key& key) const {
  const auto found = room_.tenants.find(key);
  if (found != room_.tenants.end()) return found->second;
  return room_.others[key.priority_class];
}

}  // namespace sluice::generator
