// The service in-process over real gRPC, with a model made of hashes.

#include "services/generator/service/generator_service.h"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "common/base/error_info.h"
#include "common/concurrency/named_thread.h"
#include "common/rpc/status.h"
#include "common/testing/rpc_fixture.h"
#include "gmock/gmock.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "gtest/gtest.h"
#include "services/generator/scheduler/expected_stream.h"
#include "services/generator/scheduler/hash_runner.h"
#include "services/generator/service/conversions.h"

namespace sluice::generator {
namespace {

using ::testing::HasSubstr;

constexpr int32_t kVocabulary = 60;
constexpr int32_t kContext = 300;

Vocabulary Letters() {
  std::vector<VocabularyEntry> entries;
  for (int32_t id = 0; id < kVocabulary; ++id) {
    entries.push_back({std::string(1, 'a' + id % 26), id == 0});
  }
  return *Vocabulary::Create(std::move(entries), {});
}

// Stops at the gate while it is closed.
class GatedRunner : public HashRunner {
 public:
  using HashRunner::HashRunner;
  absl::StatusOr<LogitsView> Run(const StepPlan& plan) override {
    absl::MutexLock lock(&mutex_);
    inside_ = true;
    mutex_.Await(absl::Condition(&open_));
    inside_ = false;
    return HashRunner::Run(plan);
  }
  void SetOpen(bool open) {
    absl::MutexLock lock(&mutex_);
    open_ = open;
  }
  void WaitUntilInside() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&inside_));
  }

 private:
  absl::Mutex mutex_;
  bool open_ = true;
  bool inside_ = false;
};

struct Answer {
  std::vector<v1::GenerateResponse> messages;
  std::map<int32_t, std::vector<int32_t>> ids;
  grpc::Status status;
};

class GeneratorServiceTest : public ::testing::Test {
 protected:
  void Start(EngineOptions options = {}) {
    model_.name = "hash";
    model_.info = runner_.info();
    model_.vocabulary_hash = vocabulary_.hash();
    model_.limits.context_length = ContextLength(runner_.info(), 0);
    model_.limits.vocabulary_size = kVocabulary;
    model_.limits.eos_ids = {0};
    model_.limits.defaults.top_k = 30;
    engine_ = std::make_unique<Engine>(
        options, EngineParts{runner_, vocabulary_, clock_, metrics_, board_});
    service_ = std::make_unique<GeneratorService>(
        model_, ServiceDependencies{*engine_, pump_, board_, clock_, random_,
                                    metrics_});
    fixture_ = std::make_unique<RpcFixture>(
        std::vector<grpc::Service*>{service_.get()},
        std::vector<std::string>{"sluice.generator.v1.GeneratorService",
                                 "hash"});
    stub_ = v1::GeneratorService::NewStub(fixture_->channel());
  }
  void TearDown() override {
    runner_.SetOpen(true);
    fixture_.reset();
    service_.reset();
    engine_.reset();
    EXPECT_EQ(board_.Read().blocks.active, 0);
  }

  v1::GenerateRequest Message(const std::string& id) {
    v1::GenerateRequest message;
    message.set_request_id(id);
    message.set_attempt(1);
    for (int32_t token : {3, 1, 4, 1, 5}) message.add_prompt_ids(token);
    message.mutable_params()->set_max_new_tokens(10);
    message.mutable_params()->set_ignore_eos(true);
    message.mutable_params()->set_seed(1);
    return message;
  }
  Answer Generate(const v1::GenerateRequest& message) {
    grpc::ClientContext context;
    SetTimeout(context, 60 * kNanosPerSecond);
    return Generate(message, context);
  }
  Answer Generate(const v1::GenerateRequest& message,
                  grpc::ClientContext& context) {
    Answer answer;
    const auto reader = stub_->Generate(&context, message);
    v1::GenerateResponse response;
    while (reader->Read(&response)) {
      if (response.has_delta()) {
        auto& ids = answer.ids[response.delta().index()];
        ids.insert(ids.end(), response.delta().ids().begin(),
                   response.delta().ids().end());
      }
      answer.messages.push_back(response);
    }
    answer.status = reader->Finish();
    return answer;
  }
  std::vector<int32_t> Expected(const v1::GenerateRequest& message,
                                int32_t index = 0) {
    const auto request = Request::Create(*ToFields(message), model_.limits);
    return ExpectStream(*request, index, kVocabulary, vocabulary_).shown;
  }

  MonotonicClock clock_;
  SeededRandom random_{1};
  Vocabulary vocabulary_ = Letters();
  GatedRunner runner_{kVocabulary, kContext, 80, 8};
  Metrics registry_;
  GeneratorMetrics metrics_{registry_};
  LoadBoard board_;
  ServedModel model_;
  WritePump pump_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<GeneratorService> service_;
  std::unique_ptr<RpcFixture> fixture_;
  std::unique_ptr<v1::GeneratorService::Stub> stub_;
};

TEST_F(GeneratorServiceTest, StreamIsStartedDeltasFinished) {
  Start();
  v1::GenerateRequest message = Message("r");
  message.set_n(2);
  message.set_vocabulary_hash(vocabulary_.hash());
  const Answer answer = Generate(message);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  const v1::Started* started = nullptr;
  for (const auto& response : answer.messages) {
    if (response.has_started()) started = &response.started();
  }
  ASSERT_NE(started, nullptr);
  EXPECT_EQ(started->prompt_tokens(), 5);
  EXPECT_EQ(started->fingerprint(), "hash-1");
  EXPECT_EQ(started->effective_params().seed(), 1u);
  EXPECT_EQ(started->effective_params().top_k(), 30);
  EXPECT_EQ(started->effective_params().temperature(), 1.0f);
  EXPECT_TRUE(started->effective_params().has_min_new_tokens());
  const v1::Finished& finished = answer.messages.back().finished();
  ASSERT_EQ(finished.sequences_size(), 2);
  EXPECT_EQ(finished.sequences(1).index(), 1);
  EXPECT_EQ(finished.sequences(1).reason(), v1::FINISH_REASON_LENGTH);
  EXPECT_EQ(finished.usage().prompt_tokens(), 5);
  EXPECT_EQ(finished.usage().generated_tokens(), 20);
  EXPECT_EQ(answer.ids.at(0), Expected(message, 0));
  EXPECT_EQ(answer.ids.at(1), Expected(message, 1));
}

TEST_F(GeneratorServiceTest, AbsentSeedIsDrawnAndTold) {
  Start();
  v1::GenerateRequest message = Message("r");
  message.mutable_params()->clear_seed();
  const Answer first = Generate(message);
  std::vector<uint64_t> seeds;
  for (int i = 0; i < 2; ++i) {
    const Answer answer = Generate(message);
    for (const auto& response : answer.messages) {
      if (!response.has_started()) continue;
      seeds.push_back(response.started().effective_params().seed());
    }
    message.mutable_params()->set_seed(seeds.back());
    EXPECT_EQ(answer.ids.at(0), Expected(message));
    message.mutable_params()->clear_seed();
  }
  ASSERT_EQ(seeds.size(), 2u);
  EXPECT_NE(seeds[0], seeds[1]);
}

TEST_F(GeneratorServiceTest, StopStringTellsWhatToTrim) {
  Start();
  v1::GenerateRequest message = Message("r");
  message.mutable_params()->set_temperature(0);
  message.mutable_params()->set_max_new_tokens(40);
  std::string text;
  for (int32_t id : Expected(message)) {
    if (!vocabulary_.special(id)) text += vocabulary_.bytes(id);
  }
  message.mutable_params()->add_stop(text.substr(5, 3));
  const Answer answer = Generate(message);
  ASSERT_TRUE(answer.status.ok());
  const v1::SequenceFinish& finish =
      answer.messages.back().finished().sequences(0);
  EXPECT_EQ(finish.reason(), v1::FINISH_REASON_STOP);
  EXPECT_EQ(finish.matched_stop(), text.substr(5, 3));
  EXPECT_EQ(finish.trim_bytes(), 3);
}

TEST_F(GeneratorServiceTest, BadRequestsAreRefusedByField) {
  Start();
  const auto expect = [&](const v1::GenerateRequest& message,
                          grpc::StatusCode code, const std::string& text) {
    const Answer answer = Generate(message);
    EXPECT_EQ(answer.status.error_code(), code);
    EXPECT_THAT(answer.status.error_message(), HasSubstr(text));
    EXPECT_TRUE(answer.messages.empty());
  };
  using grpc::StatusCode;
  v1::GenerateRequest message = Message("r");
  message.clear_prompt_ids();
  expect(message, StatusCode::INVALID_ARGUMENT, "prompt_ids: empty");
  message = Message("r");
  for (int i = 0; i < 300; ++i) message.add_prompt_ids(1);
  expect(message, StatusCode::INVALID_ARGUMENT,
         "prompt_ids: too long for the context, got 305 tokens, limit 299");
  EXPECT_EQ(ReasonOf(FromGrpcStatus(Generate(message).status)),
            std::string(kReasonContextLengthExceeded));
  message = Message("r");
  message.add_prompt_ids(kVocabulary);
  expect(message, StatusCode::INVALID_ARGUMENT, "prompt_ids[5]: no such id");
  message = Message("r");
  message.set_n(9);
  expect(message, StatusCode::INVALID_ARGUMENT, "n: out of range, got 9");
  message = Message("r");
  message.set_attempt(0);
  expect(message, StatusCode::INVALID_ARGUMENT, "attempt");
  message = Message("");
  expect(message, StatusCode::INVALID_ARGUMENT, "request_id");
  message = Message("r");
  message.mutable_params()->set_top_p(std::numeric_limits<float>::quiet_NaN());
  expect(message, StatusCode::INVALID_ARGUMENT, "params.top_p");
  EXPECT_EQ(FieldOf(FromGrpcStatus(Generate(message).status)), "params.top_p");
  message = Message("r");
  message.set_priority(static_cast<v1::Priority>(7));
  expect(message, StatusCode::INVALID_ARGUMENT, "priority: unknown value");
  message = Message("r");
  message.set_vocabulary_hash("other");
  expect(message, StatusCode::FAILED_PRECONDITION,
         "vocabulary_hash: of another vocabulary, got other");
  EXPECT_GE(metrics_.rejected.With({"context_length_exceeded"}).Value(), 1);
}

TEST_F(GeneratorServiceTest, ManyClientsGetTheirOwnStreams) {
  Start();
  std::vector<NamedThread> clients;
  for (int c = 0; c < 16; ++c) {
    clients.emplace_back("client", [this, c] {
      for (int i = 0; i < 5; ++i) {
        v1::GenerateRequest message =
            Message(std::to_string(c) + "-" + std::to_string(i));
        for (int j = 0; j < c * 3 + i; ++j) message.add_prompt_ids(j % 50);
        message.mutable_params()->set_max_new_tokens(60);
        const Answer answer = Generate(message);
        ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
        ASSERT_EQ(answer.ids.at(0), Expected(message));
      }
    });
  }
}

TEST_F(GeneratorServiceTest, ClientCancelFreesItsBlocks) {
  Start();
  for (int i = 0; i < 20; ++i) {
    v1::GenerateRequest message = Message(std::to_string(i));
    message.mutable_params()->set_max_new_tokens(290);
    grpc::ClientContext context;
    SetTimeout(context, 60 * kNanosPerSecond);
    const auto reader = stub_->Generate(&context, message);
    v1::GenerateResponse response;
    for (int reads = 0; reads <= i; ++reads) reader->Read(&response);
    context.TryCancel();
    while (reader->Read(&response)) {
    }
    const grpc::Status status = reader->Finish();
    EXPECT_TRUE(status.ok() ||
                status.error_code() == grpc::StatusCode::CANCELLED);
  }
  // A request that comes later finds an engine with all its blocks.
  EXPECT_TRUE(Generate(Message("after")).status.ok());
}

TEST_F(GeneratorServiceTest, DeadlineEndsARequestThatCannotRun) {
  EngineOptions options;
  options.scheduler.max_batch_size = 1;
  Start(options);
  runner_.SetOpen(false);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::milliseconds(200));
  const Answer answer = Generate(Message("late"), context);
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  runner_.SetOpen(true);
  EXPECT_TRUE(Generate(Message("after")).status.ok());
}

TEST_F(GeneratorServiceTest, FullQueueIsResourceExhaustedWithRetryInfo) {
  EngineOptions options;
  options.max_mailbox = 1;
  Start(options);
  runner_.SetOpen(false);
  NamedThread first("first", [this] { Generate(Message("a")); });
  runner_.WaitUntilInside();
  grpc::ClientContext waiting_context;
  const auto waiting = stub_->Generate(&waiting_context, Message("b"));
  std::optional<grpc::Status> refused;
  for (int i = 0; !refused.has_value(); ++i) {
    // One of the first two of these meets a full mailbox of one.
    grpc::ClientContext context;
    SetTimeout(context, 500 * kNanosPerMilli);
    const Answer answer = Generate(Message("c" + std::to_string(i)), context);
    if (answer.status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) {
      refused = answer.status;
    }
  }
  EXPECT_EQ(RetryDelayOf(FromGrpcStatus(*refused)), kNanosPerSecond);
  waiting_context.TryCancel();
  runner_.SetOpen(true);
  first.Join();
  waiting->Finish();
}

TEST_F(GeneratorServiceTest, DrainingIsUnavailableWithItsReason) {
  Start();
  engine_->Drain();
  const Answer answer = Generate(Message("r"));
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(FromGrpcStatus(answer.status)),
            std::string(kReasonDraining));
  v1::GetLoadResponse load;
  grpc::ClientContext context;
  ASSERT_TRUE(stub_->GetLoad(&context, {}, &load).ok());
  EXPECT_TRUE(load.draining());
}

TEST_F(GeneratorServiceTest, ResumedStreamGoesOnWhereTheOldOneEnded) {
  Start();
  v1::GenerateRequest message = Message("r");
  const std::vector<int32_t> whole = Expected(message);
  message.set_attempt(2);
  v1::ResumedSequence& resumed = *message.add_resumed();
  for (int i = 0; i < 4; ++i) resumed.add_ids(whole[i]);
  const Answer answer = Generate(message);
  ASSERT_TRUE(answer.status.ok());
  EXPECT_EQ(answer.ids.at(0),
            std::vector<int32_t>(whole.begin() + 4, whole.end()));
  EXPECT_EQ(answer.messages.back().finished().usage().generated_tokens(), 10);
}

TEST_F(GeneratorServiceTest, CachedTokensAreToldAndBypassHasNone) {
  Start();
  const auto cached_tokens = [this](const v1::GenerateRequest& message) {
    const Answer answer = Generate(message);
    EXPECT_EQ(answer.ids.at(0), Expected(message));
    const int32_t cached =
        answer.messages.back().finished().usage().cached_tokens();
    for (const auto& response : answer.messages) {
      if (!response.has_started()) continue;
      EXPECT_EQ(response.started().cached_tokens(), cached);
    }
    return cached;
  };
  EXPECT_EQ(cached_tokens(Message("first")), 0);
  EXPECT_EQ(cached_tokens(Message("again")), 4);
  v1::GenerateRequest bypass = Message("bypass");
  bypass.set_bypass_prefix_cache(true);
  EXPECT_EQ(cached_tokens(bypass), 0);
  v1::GenerateRequest other = Message("other");
  other.set_tenant("other");
  EXPECT_EQ(cached_tokens(other), 0);
}

TEST_F(GeneratorServiceTest, InfoAndLoadTellWhatIsServed) {
  Start();
  v1::GetModelInfoResponse info;
  grpc::ClientContext info_context;
  ASSERT_TRUE(stub_->GetModelInfo(&info_context, {}, &info).ok());
  EXPECT_EQ(info.model(), "hash");
  EXPECT_EQ(info.context_length(), kContext);
  EXPECT_EQ(info.vocabulary_size(), kVocabulary);
  EXPECT_EQ(info.vocabulary_hash(), vocabulary_.hash());
  EXPECT_EQ(info.eos_ids(0), 0);
  EXPECT_EQ(info.default_params().top_k(), 30);
  EXPECT_FALSE(info.default_params().has_top_p());
  v1::GetLoadResponse load;
  grpc::ClientContext load_context;
  ASSERT_TRUE(stub_->GetLoad(&load_context, {}, &load).ok());
  EXPECT_EQ(load.kv_blocks_total(), 80);
  EXPECT_EQ(load.kv_blocks_active(), 0);
  EXPECT_FALSE(load.draining());
}

TEST_F(GeneratorServiceTest, HealthKnowsTheServiceAndTheModel) {
  Start();
  const auto health = grpc::health::v1::Health::NewStub(fixture_->channel());
  for (const char* name :
       {"", "sluice.generator.v1.GeneratorService", "hash"}) {
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(name);
    grpc::health::v1::HealthCheckResponse response;
    grpc::ClientContext context;
    ASSERT_TRUE(health->Check(&context, request, &response).ok()) << name;
    EXPECT_EQ(response.status(),
              grpc::health::v1::HealthCheckResponse::SERVING);
  }
}

}  // namespace
}  // namespace sluice::generator
