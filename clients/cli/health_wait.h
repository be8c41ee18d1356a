#pragma once

// Waits in the background until a gRPC server says SERVING.

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"

namespace grpc {
class ClientContext;
}

namespace sluice::cli {

// Watches grpc.health.v1 of `target` (the server as a whole). Destruction
// cancels. Threads: constructed, asked and destroyed by one; `on_done` runs
// once on a thread of its own.
class HealthWait {
 public:
  HealthWait(const std::string& target, std::chrono::milliseconds timeout,
             std::function<void()> on_done);
  ~HealthWait();
  HealthWait(const HealthWait&) = delete;
  HealthWait& operator=(const HealthWait&) = delete;

  bool done() const { return done_.load(std::memory_order_acquire); }
  // REQUIRES: done(). Errors: DEADLINE_EXCEEDED, UNAVAILABLE.
  absl::Status Result() const { return result_; }

 private:
  void Watch(const std::string& target);

  std::unique_ptr<grpc::ClientContext> context_;
  absl::Status result_;
  std::atomic<bool> done_ = false;
  std::function<void()> on_done_;
  std::thread thread_;
};

}  // namespace sluice::cli
