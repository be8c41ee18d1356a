// The same request gives the same ids on the native backend, whatever happens
// around it: the whole engine over a random model.

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/testing/test_files.h"
#include "common/vocabulary/token_table.h"
#include "gtest/gtest.h"
#include "services/generator/engine/engine_core.h"
#include "services/generator/make_random_model.h"
#include "services/generator/runner/native_runner.h"

namespace sluice::generator {
namespace {

constexpr int32_t kContext = 256;

struct Stream {
  std::map<int32_t, std::vector<int32_t>> ids;  // by sequence index
  std::optional<absl::Status> end;
};

class SameBitsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = new TempDir();
    RandomModelOptions options;
    options.out = Directory();
    options.shape =
        "hidden=64,ffn=96,layers=2,heads=4,kv_heads=2,vocab=300,context=256";
    ASSERT_TRUE(MakeRandomModel(options).ok());
  }
  static void TearDownTestSuite() {
    delete directory_;
    directory_ = nullptr;
  }
  static std::string Directory() { return directory_->path() + "/model"; }

  // Runs the requests together over a pool of `blocks`.
  std::vector<Stream> Run(const std::vector<RequestFields>& all, int32_t blocks,
                          int32_t prefill_rows, int threads) {
    NativeRunnerOptions options;
    options.block_count = blocks;
    options.block_size = 16;
    options.threads = threads;
    const auto runner = CreateNativeRunner(Directory(), options);
    EXPECT_TRUE(runner.ok()) << runner.status();
    EngineOptions engine;
    engine.pacer.first_prefill_rows = prefill_rows;
    engine.pacer.max_prefill_rows = prefill_rows;
    LoadBoard board;
    EngineCore core(engine, {**runner, vocabulary_, clock_, metrics_, board});
    std::vector<std::shared_ptr<Outbox>> outboxes;
    for (const RequestFields& fields : all) {
      outboxes.push_back(std::make_shared<Outbox>(
          engine.outbox, [] {}, [] {}));
      core.Submit({Make(fields), outboxes.back()});
    }
    while (!core.idle()) core.Step();
    preemptions_ += core.scheduler().counts().preemptions;
    cached_tokens_ += core.scheduler().counts().prefix.cached_tokens;
    std::vector<Stream> streams;
    for (const auto& outbox : outboxes) streams.push_back(ReadAll(*outbox));
    return streams;
  }

  Request Make(RequestFields fields) {
    RequestLimits limits;
    limits.context_length = kContext;
    limits.vocabulary_size = 300;
    limits.eos_ids = {258};
    auto request = Request::Create(std::move(fields), limits);
    EXPECT_TRUE(request.ok()) << request.status();
    return *std::move(request);
  }

  static Stream ReadAll(Outbox& outbox) {
    Stream stream;
    while (!stream.end.has_value()) {
      Outbox::Taken taken = outbox.Take();
      stream.end = taken.end;
      if (!taken.message.has_value()) continue;
      if (const auto* delta = std::get_if<Delta>(&*taken.message)) {
        auto& ids = stream.ids[delta->index];
        ids.insert(ids.end(), delta->ids.begin(), delta->ids.end());
      }
    }
    EXPECT_TRUE(stream.end->ok()) << *stream.end;
    return stream;
  }

  static std::vector<RequestFields> Requests(int count) {
    std::mt19937 random(31);
    std::vector<RequestFields> all(count);
    for (int i = 0; i < count; ++i) {
      RequestFields& fields = all[i];
      fields.request_id = "r" + std::to_string(i);
      fields.prompt_ids.resize(1 + random() % 120);
      for (int32_t& id : fields.prompt_ids) id = random() % 256;
      fields.params.max_new_tokens = 1 + random() % 50;
      fields.params.seed = random();
      if (i % 3 == 0) fields.params.temperature = 0.0f;
      if (i % 4 == 1) fields.params.top_p = 0.9f;
      if (i % 5 == 2) fields.params.top_k = 20;
      if (i % 6 == 3) fields.params.repetition_penalty = 1.2f;
      if (i % 4 == 2) fields.n = 2;
    }
    return all;
  }

  void ExpectEqual(const std::vector<Stream>& a, const std::vector<Stream>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_EQ(a[i].ids, b[i].ids) << "request " << i;
    }
  }

  std::vector<Stream> Alone(const std::vector<RequestFields>& all) {
    std::vector<Stream> streams;
    for (const RequestFields& one : all) {
      streams.push_back(std::move(Run({one}, 64, 512, 1).front()));
    }
    return streams;
  }

  static TempDir* directory_;
  MonotonicClock clock_;
  Vocabulary vocabulary_ = *ReadVocabulary(Directory());
  Metrics registry_;
  GeneratorMetrics metrics_{registry_};
  int64_t preemptions_ = 0;
  int64_t cached_tokens_ = 0;
};

TempDir* SameBitsTest::directory_ = nullptr;

TEST_F(SameBitsTest, AloneAndTogetherInAnyChunksOnAnyThreads) {
  const std::vector<RequestFields> all = Requests(24);
  const std::vector<Stream> alone = Alone(all);
  for (const int32_t prefill_rows : {1, 16, 64, 512}) {
    for (const int threads : {1, 2}) {
      SCOPED_TRACE(prefill_rows * 10 + threads);
      ExpectEqual(Run(all, 400, prefill_rows, threads), alone);
    }
  }
}

TEST_F(SameBitsTest, PreemptedInATinyPool) {
  const std::vector<RequestFields> all = Requests(24);
  ExpectEqual(Run(all, 18, 64, 2), Alone(all));
  EXPECT_GT(preemptions_, 0);
}

TEST_F(SameBitsTest, ResumedAnywhere) {
  const std::vector<RequestFields> all = Requests(24);
  const std::vector<Stream> alone = Alone(all);
  std::mt19937 random(5);
  std::vector<RequestFields> again = all;
  std::vector<Stream> expected = alone;
  for (size_t i = 0; i < all.size(); ++i) {
    again[i].attempt = 2;
    for (auto& [index, ids] : expected[i].ids) {
      const size_t cut = random() % (ids.size() + 1);
      again[i].resumed.push_back({index, {ids.begin(), ids.begin() + cut}});
      ids.erase(ids.begin(), ids.begin() + cut);
    }
  }
  std::vector<Stream> resumed = Run(again, 400, 64, 2);
  for (size_t i = 0; i < all.size(); ++i) {
    for (const auto& [index, ids] : expected[i].ids) {
      EXPECT_EQ(resumed[i].ids[index], ids) << "request " << i;
    }
  }
}

// The same prompts again and again, whole, cut, and with another end: hits,
// partial hits and misses.
TEST_F(SameBitsTest, HitPartialHitAndMiss) {
  std::vector<RequestFields> all;
  std::mt19937 random(12);
  for (int round = 0; round < 4; ++round) {
    for (RequestFields fields : Requests(12)) {
      fields.request_id += "." + std::to_string(round);
      std::vector<int32_t>& prompt = fields.prompt_ids;
      if (round > 1) prompt.resize(1 + random() % prompt.size());
      if (round == 3) prompt.push_back(7);
      fields.bypass_prefix_cache = random() % 8 == 0;
      all.push_back(std::move(fields));
    }
  }
  const std::vector<Stream> alone = Alone(all);
  EXPECT_EQ(cached_tokens_, 0);
  for (const int32_t blocks : {60, 400}) {
    for (const int threads : {1, 2}) {
      SCOPED_TRACE(blocks * 10 + threads);
      ExpectEqual(Run(all, blocks, 32, threads), alone);
    }
  }
  EXPECT_GT(cached_tokens_, 1000);
}

}  // namespace
}  // namespace sluice::generator
