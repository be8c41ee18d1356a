#include "bench/load/stub_server.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/error_info.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"
#include "common/rpc/rpc_server.h"
#include "common/rpc/status.h"
#include "grpcpp/alarm.h"
#include "sluice/gateway/v1/gateway.grpc.pb.h"

namespace sluice::load {
namespace {

using gateway::v1::GatewayService;
using Time = std::chrono::system_clock::time_point;

constexpr Nanos kRetryDelay = 100 * kNanosPerMilli;

struct Script {
  std::string prompt;
  uint64_t seed = 0;
  int32_t tokens = 1;
};

uint64_t SeedOf(const Script& script) {
  uint64_t hash = script.seed;
  for (const char byte : script.prompt) {
    hash = SeededRandom(hash ^ static_cast<uint8_t>(byte)).Next();
  }
  return hash;
}

template <typename Response>
class ScriptedStream final : public grpc::ServerWriteReactor<Response> {
 public:
  ScriptedStream(const StubOptions& options, Script script,
                 std::atomic<int32_t>& in_flight)
      : options_(options),
        script_(std::move(script)),
        in_flight_(in_flight),
        begun_(std::chrono::system_clock::now()),
        words_(SeedOf(script_)) {
    {
      absl::MutexLock lock(&mutex_);  // publishes what is written here
      response_.mutable_started()->set_prompt_tokens(
          static_cast<int32_t>(script_.prompt.size()));
    }
    this->StartWrite(&response_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return this->Finish(grpc::Status::CANCELLED);
    switch (ArmForNext()) {
      case Next::kToken:
        return;  // the alarm goes on
      case Next::kFinished:
        return WriteNext();
      case Next::kNothing:
        return this->Finish(grpc::Status::OK);
    }
  }
  void OnCancel() override {
    absl::MutexLock lock(&mutex_);
    alarm_.Cancel();
  }
  void OnDone() override {
    in_flight_.fetch_sub(1);
    { absl::MutexLock lock(&mutex_); }  // after all that others did here
    delete this;
  }

 private:
  enum class Next { kToken, kFinished, kNothing };

  Next ArmForNext() {
    absl::MutexLock lock(&mutex_);
    if (written_ > script_.tokens) return Next::kNothing;
    if (written_ == script_.tokens) return Next::kFinished;
    alarm_.Set(DueOf(written_), [this](bool fired) {
      if (fired) return WriteNext();
      this->Finish(grpc::Status::CANCELLED);
    });
    return Next::kToken;
  }

  Time DueOf(int32_t token) const {
    return begun_ +
           std::chrono::milliseconds(options_.first_token_ms +
                                     int64_t{token} * options_.token_ms);
  }

  void WriteNext() {
    FillNext();
    this->StartWrite(&response_);
  }

  void FillNext() {
    absl::MutexLock lock(&mutex_);
    response_.Clear();
    if (written_ == script_.tokens) {
      gateway::v1::Finished& finished = *response_.mutable_finished();
      finished.set_reason(generator::v1::FINISH_REASON_LENGTH);
      finished.mutable_usage()->set_prompt_tokens(
          static_cast<int32_t>(script_.prompt.size()));
      finished.mutable_usage()->set_generated_tokens(script_.tokens);
      finished.set_same_bits(true);
    } else {
      gateway::v1::Delta& delta = *response_.mutable_delta();
      delta.set_text(absl::StrCat(words_.Next() % 1000, " "));
      delta.set_tokens(1);
    }
    ++written_;
  }

  const StubOptions options_;
  const Script script_;
  std::atomic<int32_t>& in_flight_;
  const Time begun_;
  absl::Mutex mutex_;
  SeededRandom words_ ABSL_GUARDED_BY(mutex_);
  int32_t written_ ABSL_GUARDED_BY(mutex_) = 0;  // tokens, and Finished
  Response response_;  // gRPC's while a write is under way
  grpc::Alarm alarm_ ABSL_GUARDED_BY(mutex_);
};

template <typename Response>
class Refusal final : public grpc::ServerWriteReactor<Response> {
 public:
  explicit Refusal(const absl::Status& status) {
    this->Finish(ToGrpcStatus(status));
  }
  void OnDone() override { delete this; }
};

class StubService final : public GatewayService::CallbackService {
 public:
  explicit StubService(const StubOptions& options) : options_(options) {}

  int64_t calls() const { return calls_.load(); }

  grpc::ServerWriteReactor<gateway::v1::ChatResponse>* Chat(
      grpc::CallbackServerContext*,
      const gateway::v1::ChatRequest* request) override {
    Script script = ScriptOf(request->params());
    for (const gateway::v1::ChatMessage& message : request->messages()) {
      script.prompt += message.content();
    }
    return Answer<gateway::v1::ChatResponse>(std::move(script));
  }

  grpc::ServerWriteReactor<gateway::v1::CompleteResponse>* Complete(
      grpc::CallbackServerContext*,
      const gateway::v1::CompleteRequest* request) override {
    Script script = ScriptOf(request->params());
    script.prompt = request->prompt();
    return Answer<gateway::v1::CompleteResponse>(std::move(script));
  }

 private:
  static Script ScriptOf(const generator::v1::SamplingParams& params) {
    Script script;
    script.seed = params.seed();
    script.tokens = std::max(params.max_new_tokens(), 1);
    return script;
  }

  template <typename Response>
  grpc::ServerWriteReactor<Response>* Answer(Script script) {
    calls_.fetch_add(1);
    if (in_flight_.fetch_add(1) >= options_.max_in_flight) {
      in_flight_.fetch_sub(1);
      return new Refusal<Response>(WithRetryDelay(
          WithReason(absl::ResourceExhaustedError("stub: too many requests"),
                     kReasonQueueFull),
          kRetryDelay));
    }
    return new ScriptedStream<Response>(options_, std::move(script),
                                        in_flight_);
  }

  const StubOptions options_;
  std::atomic<int64_t> calls_ = 0;
  std::atomic<int32_t> in_flight_ = 0;
};

class RunningStub final : public StubServer {
 public:
  explicit RunningStub(const StubOptions& options) : service_(options) {}
  ~RunningStub() override {
    if (server_ != nullptr) server_->Shutdown(0);
  }

  absl::Status Open(const StubOptions& options) {
    ASSIGN_OR_RETURN(server_,
                     RpcServer::Start({.listen = options.listen}, {&service_},
                                      {GatewayService::service_full_name()},
                                      /*metrics=*/nullptr));
    server_->SetServing(true);
    return absl::OkStatus();
  }

  std::string target() const override {
    return absl::StrCat("127.0.0.1:", server_->port());
  }
  int64_t calls() const override { return service_.calls(); }

 private:
  StubService service_;
  std::unique_ptr<RpcServer> server_;
};

absl::Status CheckRange(std::string_view flag, int64_t value, int64_t low,
                        int64_t high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return FieldError(flag, "out of range", absl::StrCat(value),
                    absl::StrCat(low, " to ", high));
}

}  // namespace

absl::Status CheckOptions(const StubOptions& options) {
  constexpr int64_t kMaxMs = 600'000;
  RETURN_IF_ERROR(
      CheckRange("stub_first_token_ms", options.first_token_ms, 0, kMaxMs));
  RETURN_IF_ERROR(CheckRange("stub_token_ms", options.token_ms, 0, kMaxMs));
  return CheckRange("stub_max_in_flight", options.max_in_flight, 1, 1'000'000);
}

absl::StatusOr<std::unique_ptr<StubServer>> StubServer::Start(
    const StubOptions& options) {
  auto stub = std::make_unique<RunningStub>(options);
  RETURN_IF_ERROR(stub->Open(options));
  return stub;
}

}  // namespace sluice::load
