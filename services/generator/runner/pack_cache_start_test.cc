// Starts of the native backend over a cache of packed weights: the same bits as
// without, whatever the cache holds.

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/testing/test_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/generator/runner/native_runner.h"
#include "services/generator/runner/random_model_test_support.h"

namespace sluice::generator {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Start {
  bool from_cache = false;
  std::vector<float> logits;
  std::string fingerprint;
  std::vector<std::string> warnings;
  std::vector<std::string> phases;
};

class PackCacheStartTest : public testing::Test {
 protected:
  PackCacheStartTest() {
    model_.tied = false;
    model_.type = TensorType::kBF16;
    model_.hidden_size = 96;
    WriteRandomModel(model_, Model());
    options_.block_count = 8;
    options_.threads = 2;
    options_.quantize.layers = "int4";
    options_.pack_cache = {.directory = directory_.path() + "/cache",
                           .least_parameters = 0};
  }

  std::string Model() {
    fs::create_directories(directory_.path() + "/model");
    return directory_.path() + "/model";
  }

  Start Run(const NativeRunnerOptions& options) {
    Start start;
    const LoadObserver observer{
        .progress = {},
        .warning =
            [&](std::string_view text) { start.warnings.emplace_back(text); },
        .phase = [&](std::string_view name,
                     double) { start.phases.emplace_back(name); }};
    auto runner = CreateNativeRunner(Model(), options, observer);
    EXPECT_TRUE(runner.ok()) << runner.status();
    if (!runner.ok()) return start;
    start.from_cache = (*runner)->info().weights_from_cache;
    start.fingerprint = (*runner)->info().fingerprint;
    SequenceRows rows;
    rows.token_ids = {1, 5, 9, 100, 7};
    rows.block_table = {3};
    rows.wants_logits = true;
    const auto view = (*runner)->Run({{}, {rows}});
    EXPECT_TRUE(view.ok());
    start.logits.assign(view->values.begin(), view->values.end());
    return start;
  }
  Start Run() { return Run(options_); }
  Start RunWithout() {
    NativeRunnerOptions options = options_;
    options.pack_cache.directory = "off";
    return Run(options);
  }

  std::vector<std::string> Packs() {
    std::vector<std::string> packs;
    for (const auto& entry :
         fs::directory_iterator(options_.pack_cache.directory)) {
      packs.push_back(entry.path().string());
    }
    return packs;
  }

  TempDir directory_;
  RandomModel model_;
  NativeRunnerOptions options_;
};

TEST_F(PackCacheStartTest, TheSecondStartHasTheBitsOfTheFirst) {
  for (const char* format : {"none", "int8", "int4"}) {
    options_.quantize.layers = format;
    const Start without = RunWithout();
    const Start first = Run();
    const Start second = Run();
    EXPECT_FALSE(without.from_cache);
    EXPECT_FALSE(first.from_cache);
    EXPECT_TRUE(second.from_cache);
    EXPECT_EQ(first.logits, without.logits);
    EXPECT_EQ(second.logits, without.logits);
    EXPECT_EQ(second.fingerprint, without.fingerprint);
    EXPECT_THAT(second.warnings, IsEmpty());
    EXPECT_THAT(without.phases, ElementsAre("open", "pack", "build"));
    EXPECT_THAT(first.phases, ElementsAre("open", "read_cache", "pack",
                                          "write_cache", "build"));
    EXPECT_THAT(second.phases, ElementsAre("open", "read_cache", "build"));
  }
  EXPECT_EQ(Packs().size(), 3u);
}

TEST_F(PackCacheStartTest, AnyOtherFormatIsAnotherPack) {
  for (const char* head : {"int8", "int4"}) {
    for (int32_t group : {32, 64, 128}) {
      options_.quantize.head = head;
      options_.quantize.group = group;
      EXPECT_FALSE(Run().from_cache) << head << group;
      EXPECT_TRUE(Run().from_cache) << head << group;
    }
  }
  // Layout and bytes are those of every instruction set.
  options_.cpu_isa = "scalar";
  EXPECT_TRUE(Run().from_cache);
}

TEST_F(PackCacheStartTest, ABadPackIsSaidAndReplaced) {
  const Start without = RunWithout();
  Run();
  const std::string pack = Packs().at(0);
  const auto size = static_cast<int64_t>(fs::file_size(pack));
  for (const int64_t at : {int64_t{0}, int64_t{8}, int64_t{70}, int64_t{4095},
                           int64_t{4096}, size / 2, size - 1}) {
    std::fstream file(pack, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const char byte = static_cast<char>(file.get() ^ 0x55);
    file.seekp(at);
    file.put(byte);
    file.close();
    const Start start = Run();
    EXPECT_FALSE(start.from_cache) << at;
    EXPECT_EQ(start.logits, without.logits) << at;
    ASSERT_EQ(start.warnings.size(), 1u) << at;
    EXPECT_THAT(start.warnings[0], HasSubstr(pack));
    EXPECT_THAT(start.warnings[0], HasSubstr("; packing anew"));
    const Start next = Run();
    EXPECT_TRUE(next.from_cache) << at;
    EXPECT_EQ(next.logits, without.logits) << at;
  }
  fs::resize_file(pack, static_cast<uintmax_t>(size - 100));
  EXPECT_EQ(Run().logits, without.logits);
  EXPECT_TRUE(Run().from_cache);
}

TEST_F(PackCacheStartTest, OtherWeightsAreNotTakenFromTheCache) {
  const Start old = Run();
  model_.seed = 2;
  WriteRandomModel(model_, Model());
  const Start renewed = Run();
  EXPECT_FALSE(renewed.from_cache);
  EXPECT_EQ(renewed.logits, RunWithout().logits);
  EXPECT_NE(renewed.logits, old.logits);
  EXPECT_NE(renewed.fingerprint, old.fingerprint);
  EXPECT_EQ(Packs().size(), 1u);  // the old one has gone
}

TEST_F(PackCacheStartTest, AnotherConfigurationIsNotTakenFromTheCache) {
  Run();
  const std::string path = Model() + "/config.json";
  std::ifstream in(path);
  std::string config{std::istreambuf_iterator<char>(in), {}};
  const size_t at = config.find("\"rope_theta\":");
  ASSERT_NE(at, std::string::npos);
  config.insert(config.find_first_of("0123456789", at), "1");
  std::ofstream(path) << config;
  EXPECT_FALSE(Run().from_cache);
}

TEST_F(PackCacheStartTest, WithoutAPlaceItStartsWithAWarning) {
  const Start without = RunWithout();
  directory_.Write("cache", "a file where the directory should be");
  const Start start = Run();
  EXPECT_EQ(start.logits, without.logits);
  EXPECT_THAT(start.warnings,
              ElementsAre(HasSubstr("; the next start packs again")));
  options_.pack_cache.directory = directory_.path() + "/other";
  options_.pack_cache.max_bytes = 10;
  const Start bounded = Run();
  EXPECT_EQ(bounded.logits, without.logits);
  EXPECT_THAT(bounded.warnings, ElementsAre(HasSubstr("too small for this")));
}

TEST_F(PackCacheStartTest, SmallModelsAreNotKept) {
  options_.pack_cache.least_parameters = PackCacheOptions().least_parameters;
  EXPECT_FALSE(Run().from_cache);
  EXPECT_FALSE(fs::exists(options_.pack_cache.directory));
}

TEST_F(PackCacheStartTest, StartsTogetherDoNotHarmEachOther) {
  const Start without = RunWithout();
  std::vector<Start> starts(6);
  std::vector<std::thread> threads;
  for (Start& start : starts) {
    threads.emplace_back([&] { start = Run(); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Start& start : starts) EXPECT_EQ(start.logits, without.logits);
  EXPECT_EQ(Packs().size(), 1u);
  EXPECT_EQ(Run().logits, without.logits);
}

TEST_F(PackCacheStartTest, WeightsAndKvCacheTogetherMustFitMemory) {
  NativeRunnerOptions options = options_;
  options.block_count = 0;
  options.kv_cache_bytes = int64_t{1} << 50;
  const auto status = CreateNativeRunner(Model(), options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("memory: too little for the model, got"));
  EXPECT_THAT(std::string(status.message()), HasSubstr(", KV cache 1759218"));
}

}  // namespace
}  // namespace sluice::generator
