// Whole runs against servers in this process. Counts and contents only: what
// time things take is for ./dev prove.

#include "bench/load/load_run.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bench/load/grpc_transport.h"
#include "bench/load/report.h"
#include "bench/load/stub_server.h"

namespace sluice::load {
namespace {

class LoadRunTest : public ::testing::Test {
 protected:
  LoadRunTest() : loop_(clock_) {
    options_.target.connections = 2;
    options_.workload.output_tokens = LengthDistribution(5);
    options_.workload.questions = 6;
    options_.pace.requests = 60;
    stub_options_ = {.first_token_ms = 1, .token_ms = 1};
  }

  void StartStub() {
    auto stub = StubServer::Start(stub_options_);
    ASSERT_TRUE(stub.ok()) << stub.status();
    stub_ = *std::move(stub);
    options_.target.server = stub_->target();
  }

  void Run(RunHooks hooks = {}) {
    ASSERT_TRUE(CheckOptions(options_).ok()) << CheckOptions(options_);
    transport_ = MakeGrpcTransport(options_.target, loop_);
    run_ = std::make_unique<LoadRun>(options_, loop_, *transport_, hooks);
    run_->Run();
  }

  const Counts& all() const { return run_->results().all(); }

  const MonotonicClock clock_;
  EventLoop loop_;
  LoadOptions options_;
  StubOptions stub_options_;
  std::unique_ptr<StubServer> stub_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<LoadRun> run_;
};

TEST_F(LoadRunTest, AClosedLoopSendsEveryRequestOnceAndComparesAnswers) {
  StartStub();
  Run();
  EXPECT_EQ(stub_->calls(), 60);
  EXPECT_EQ(all().sent, 60);
  EXPECT_EQ(all().finished, 60);
  EXPECT_EQ(all().tokens, 300);
  EXPECT_EQ(run_->results().gap.count(), 240u);
  EXPECT_EQ(run_->results().ttft.count(), 60u);
  EXPECT_EQ(run_->results().answers.compared(), 54);
  EXPECT_EQ(run_->results().violations, 0);
}

TEST_F(LoadRunTest, CompletionsAndSlowReadersAreMeasuredAlike) {
  StartStub();
  options_.target.chat = false;
  options_.workload.slow_share = 0.5;
  options_.target.slow_bytes_per_second = 10'000;
  Run();
  EXPECT_EQ(all().finished, 60);
  EXPECT_EQ(all().tokens, 300);
  EXPECT_EQ(run_->results().violations, 0);
}

TEST_F(LoadRunTest, AnOpenLoopSendsWhatIsDueWhateverTheServerDoes) {
  StartStub();
  options_.pace.phases = {{400, 0.25}};
  options_.pace.poisson = false;
  Run();
  EXPECT_EQ(all().sent, 99);  // at 2.5 ms, 5 ms, ... below 250 ms
  EXPECT_EQ(all().finished, 99);
  EXPECT_EQ(run_->counted_seconds(), 0.25);
}

TEST_F(LoadRunTest, WhatIsRefusedIsCountedAsToldToRetry) {
  stub_options_.max_in_flight = 1;
  stub_options_.first_token_ms = 400;
  StartStub();
  options_.pace.phases = {{400, 0.1}};
  options_.pace.poisson = false;
  Run();
  EXPECT_EQ(all().sent, 39);
  EXPECT_GT(all().rejected, 0);
  EXPECT_EQ(all().rejected + all().finished, 39);
  EXPECT_EQ(run_->results().without_retry, 0);
  EXPECT_EQ(run_->results().violations, 0);
}

TEST_F(LoadRunTest, RequestsOverTheBoundAreNotSentButCounted) {
  stub_options_.first_token_ms = 500;
  StartStub();
  options_.pace.phases = {{400, 0.1}};
  options_.pace.poisson = false;
  options_.pace.max_in_flight = 5;
  Run();
  EXPECT_EQ(all().sent + run_->results().not_sent, 39);
  EXPECT_EQ(stub_->calls(), all().sent);
  EXPECT_GT(run_->results().not_sent, 0);
}

TEST_F(LoadRunTest, CancelledCallsEndAndBreakNoPromise) {
  stub_options_.first_token_ms = 600'000;
  StartStub();
  options_.workload.cancel_share = 1;
  options_.workload.cancel_within_ms = 5;
  options_.workload.slow_share = 0.5;
  Run();
  EXPECT_EQ(all().sent, 60);
  EXPECT_EQ(all().cancelled, 60);
  EXPECT_EQ(run_->results().violations, 0);
}

TEST_F(LoadRunTest, AnInterruptionEndsTheRunAtOnce) {
  stub_options_.first_token_ms = 600'000;
  StartStub();
  Run({.interrupted = [] { return true; }, .on_tick = {}});
  EXPECT_TRUE(run_->was_interrupted());
  EXPECT_EQ(run_->results().unfinished, options_.pace.clients);
  EXPECT_EQ(all().finished, 0);
}

TEST_F(LoadRunTest, ASlowReaderInTheMiddleOfAPauseCanBeCut) {
  StartStub();
  options_.workload.slow_share = 1;
  options_.target.slow_bytes_per_second = 1;
  options_.pace.requests = 4;
  options_.pace.drain_s = 0;
  Run();
  EXPECT_EQ(run_->results().unfinished, 4);
  EXPECT_EQ(run_->results().violations, 0);
}

TEST_F(LoadRunTest, AServerThatIsNotThereIsAnErrorByCode) {
  StartStub();
  stub_.reset();
  options_.pace.requests = 3;
  options_.pace.clients = 3;
  Run();
  EXPECT_EQ(run_->results().errors,
            (std::map<std::string, int64_t>{{"UNAVAILABLE", 3}}));
}

TEST_F(LoadRunTest, TheReportSaysWhatWasCounted) {
  StartStub();
  Run();
  const auto json = nlohmann::json::parse(ReportJson(options_, *run_));
  EXPECT_EQ(json["sent"], 60);
  EXPECT_EQ(json["finished"], 60);
  EXPECT_EQ(json["ttft_s"]["count"], 60);
  EXPECT_EQ(json["options"]["seed"], 1);
  int64_t in_timeline = 0;
  for (const auto& second : json["timeline"]) {
    in_timeline += second["finished"].get<int64_t>();
  }
  EXPECT_EQ(in_timeline, 60);
  const std::string table = ReportTable(options_, *run_);
  EXPECT_NE(table.find("60 requests in "), std::string::npos);
  EXPECT_NE(table.find("\nseed 1\n"), std::string::npos);
}

}  // namespace
}  // namespace sluice::load
