#include "common/rpc/health_service.h"

#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/support/server_callback.h"

namespace sluice {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using ServingStatus = HealthCheckResponse::ServingStatus;

constexpr size_t kMaxWatches = 1024;

}  // namespace

// One watch stream: sends each change, newest wins while a write is out.
// gRPC may run a reaction inside StartWrite or Finish, so neither is called
// with a lock held. Threads: any.
class HealthWatch final : public grpc::ServerWriteReactor<HealthCheckResponse> {
 public:
  explicit HealthWatch(std::function<void(HealthWatch*)> on_done)
      : on_done_(std::move(on_done)) {}

  void Update(ServingStatus status) {
    {
      absl::MutexLock lock(&mutex_);
      next_ = status;
      if (busy_) return;
      busy_ = true;
    }
    Pump();
  }

  void End(grpc::Status status) {
    {
      absl::MutexLock lock(&mutex_);
      if (!end_) end_ = std::move(status);
      if (busy_) return;
      busy_ = true;
    }
    Pump();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) {
      absl::MutexLock lock(&mutex_);
      next_ = sent_;  // nobody reads any more
      if (!end_) end_ = grpc::Status::CANCELLED;
    }
    Pump();
  }
  void OnCancel() override { End(grpc::Status::CANCELLED); }
  void OnDone() override { on_done_(this); }

 private:
  // REQUIRES: busy_ was set by the caller; it stays set while an operation is
  // out and after the end.
  void Pump() {
    std::optional<grpc::Status> end;
    {
      absl::MutexLock lock(&mutex_);
      if (next_ != sent_) {
        sent_ = next_;  // also before the end: the last word counts
        response_.set_status(*sent_);
      } else if (end_) {
        end = end_;
      } else {
        busy_ = false;
        return;
      }
    }
    if (end) {
      Finish(*end);
    } else {
      StartWrite(&response_);
    }
  }

  std::function<void(HealthWatch*)> on_done_;
  absl::Mutex mutex_;
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<ServingStatus> next_ ABSL_GUARDED_BY(mutex_);
  std::optional<ServingStatus> sent_ ABSL_GUARDED_BY(mutex_);
  std::optional<grpc::Status> end_ ABSL_GUARDED_BY(mutex_);
  HealthCheckResponse response_;  // lent to gRPC while a write is out
};

class HealthService::Impl final : public Health::CallbackService {
 public:
  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const HealthCheckRequest* request,
                                  HealthCheckResponse* response) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    const std::optional<ServingStatus> status = Find(request->service());
    if (status) {
      response->set_status(*status);
      reactor->Finish(grpc::Status::OK);
    } else {
      reactor->Finish(grpc::Status(grpc::StatusCode::NOT_FOUND,
                                   "service: unknown, got \"" +
                                       request->service().substr(0, 128) +
                                       "\""));
    }
    return reactor;
  }

  grpc::ServerWriteReactor<HealthCheckResponse>* Watch(
      grpc::CallbackServerContext*,
      const HealthCheckRequest* request) override {
    auto watch = std::make_shared<HealthWatch>(
        [this](HealthWatch* done) { Forget(done); });
    const std::optional<grpc::Status> refusal = Add(request->service(), watch);
    if (refusal) {
      watch->End(*refusal);
    } else {
      watch->Update(Find(request->service())
                        .value_or(HealthCheckResponse::SERVICE_UNKNOWN));
    }
    return watch.get();
  }

  void Set(const std::string& name, bool serving) {
    std::vector<std::shared_ptr<HealthWatch>> told;
    ServingStatus status = HealthCheckResponse::NOT_SERVING;
    {
      absl::MutexLock lock(&mutex_);
      if (serving && !draining_) status = HealthCheckResponse::SERVING;
      statuses_[name] = status;
      told = WatchesOf(name);
    }
    for (const auto& watch : told) watch->Update(status);
  }

  void Drain() {
    std::vector<std::shared_ptr<HealthWatch>> told;
    {
      absl::MutexLock lock(&mutex_);
      draining_ = true;
      for (auto& [name, status] : statuses_) {
        status = HealthCheckResponse::NOT_SERVING;
        for (auto& watch : WatchesOf(name)) told.push_back(std::move(watch));
      }
    }
    for (const auto& watch : told) {
      watch->Update(HealthCheckResponse::NOT_SERVING);
    }
  }

  void EndWatches() {
    std::vector<std::shared_ptr<HealthWatch>> ended;
    {
      absl::MutexLock lock(&mutex_);
      ending_ = true;
      for (const auto& [key, entry] : watches_) ended.push_back(entry.watch);
    }
    for (const auto& watch : ended) watch->End(EndStatus());
  }

 private:
  struct Entry {
    std::string name;
    std::shared_ptr<HealthWatch> watch;
  };

  static grpc::Status EndStatus() {
    return grpc::Status(grpc::StatusCode::UNAVAILABLE,
                        "watch: the server is stopping");
  }

  std::optional<ServingStatus> Find(const std::string& name) {
    absl::MutexLock lock(&mutex_);
    const auto found = statuses_.find(name);
    if (found == statuses_.end()) return std::nullopt;
    return found->second;
  }

  // The reason why the stream must end at once; it is kept until then too.
  std::optional<grpc::Status> Add(const std::string& name,
                                  const std::shared_ptr<HealthWatch>& watch) {
    absl::MutexLock lock(&mutex_);
    const size_t open = watches_.size();
    watches_[watch.get()] = Entry{name, watch};
    if (ending_) return EndStatus();
    if (open >= kMaxWatches) {
      return grpc::Status(
          grpc::StatusCode::RESOURCE_EXHAUSTED,
          "watch: too many streams, limit " + std::to_string(kMaxWatches));
    }
    return std::nullopt;
  }

  void Forget(HealthWatch* watch) {
    std::shared_ptr<HealthWatch> last;  // dies after the lock is released
    absl::MutexLock lock(&mutex_);
    const auto found = watches_.find(watch);
    if (found == watches_.end()) return;
    last = std::move(found->second.watch);
    watches_.erase(found);
  }

  std::vector<std::shared_ptr<HealthWatch>> WatchesOf(const std::string& name)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::vector<std::shared_ptr<HealthWatch>> found;
    for (const auto& [key, entry] : watches_) {
      if (entry.name == name) found.push_back(entry.watch);
    }
    return found;
  }

  absl::Mutex mutex_;
  std::map<std::string, ServingStatus> statuses_ ABSL_GUARDED_BY(mutex_);
  std::map<HealthWatch*, Entry> watches_ ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
};

HealthService::HealthService() : impl_(std::make_shared<Impl>()) {}
HealthService::~HealthService() = default;

void HealthService::SetServing(std::string_view name, bool serving) {
  impl_->Set(std::string(name), serving);
}
void HealthService::Drain() { impl_->Drain(); }
void HealthService::EndWatches() { impl_->EndWatches(); }
grpc::Service* HealthService::service() { return impl_.get(); }

}  // namespace sluice
