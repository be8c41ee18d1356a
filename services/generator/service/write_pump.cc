#include "services/generator/service/write_pump.h"

#include <utility>

namespace sluice::generator {

WritePump::WritePump() : thread_("write-pump", [this] { Loop(); }) {}

WritePump::~WritePump() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  thread_.Join();
}

void WritePump::Add(std::shared_ptr<Stream> stream) {
  absl::MutexLock lock(&mutex_);
  if (stream->queued_) return;
  stream->queued_ = true;
  queue_.push_back(std::move(stream));
}

void WritePump::Loop() {
  while (true) {
    std::vector<std::shared_ptr<Stream>> batch;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &WritePump::HasWork));
      if (queue_.empty()) return;
      batch = std::exchange(queue_, {});
      for (const auto& stream : batch) stream->queued_ = false;
    }
    for (const auto& stream : batch) stream->Advance();
  }
}

}  // namespace sluice::generator
