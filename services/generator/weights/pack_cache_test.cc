#include "services/generator/weights/pack_cache.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/testing/test_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/generator/weights/checksum.h"
#include "services/generator/weights/source_identity.h"

namespace sluice::generator {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::vector<uint8_t> Bytes(size_t count, uint32_t seed) {
  std::vector<uint8_t> bytes(count);
  uint32_t state = seed;
  for (uint8_t& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<uint8_t>(state >> 24);
  }
  return bytes;
}

TEST(Checksum, AChangeInsideOneWordIsAlwaysSeen) {
  for (size_t size : {1u, 7u, 8u, 63u, 64u, 65u, 200u, 1000u}) {
    std::vector<uint8_t> bytes = Bytes(size, 1);
    const uint64_t sum = Checksum(bytes);
    for (size_t at = 0; at < size; ++at) {
      for (uint8_t flip : {0x01, 0x80, 0xff}) {
        bytes[at] ^= flip;
        EXPECT_NE(Checksum(bytes), sum) << size << " at " << at;
        bytes[at] ^= flip;
      }
    }
    EXPECT_EQ(Checksum(bytes), sum);
  }
}

TEST(Checksum, LengthAndOrderCount) {
  const std::vector<uint8_t> zeroes(256);
  for (size_t size = 1; size < zeroes.size(); ++size) {
    EXPECT_NE(Checksum({zeroes.data(), size}),
              Checksum({zeroes.data(), size - 1}));
  }
  std::vector<uint8_t> bytes = Bytes(256, 2);
  const uint64_t sum = Checksum(bytes);
  std::swap_ranges(bytes.begin(), bytes.begin() + 64, bytes.begin() + 64);
  EXPECT_NE(Checksum(bytes), sum);
  std::swap_ranges(bytes.begin(), bytes.begin() + 8, bytes.begin() + 8);
  EXPECT_NE(Checksum(bytes), sum);
}

class PackCacheTest : public testing::Test {
 protected:
  static constexpr int64_t kLarge = int64_t{1} << 40;
  const std::string hash_ = std::string(64, 'e');

  PackCache Cache(int64_t max_bytes = kLarge) {
    return PackCache(directory_.path() + "/a/cache", max_bytes);
  }
  static PackKey Key(int number) {
    return {absl::StrCat("slot ", number), absl::StrCat("key ", number)};
  }
  absl::Status Save(const PackKey& key, const std::vector<uint8_t>& payload,
                    int64_t max_bytes = kLarge) {
    return Cache(max_bytes).Save(key, hash_, payload, pool_);
  }
  absl::Status Load(const PackKey& key, const std::vector<uint8_t>& expected) {
    std::vector<uint8_t> payload(expected.size());
    const auto hash = Cache().Load(key, absl::MakeSpan(payload), pool_, {});
    if (!hash.ok()) return hash.status();
    EXPECT_EQ(*hash, hash_);
    EXPECT_EQ(payload, expected);
    return absl::OkStatus();
  }
  void MarkUsed(const PackKey& key, int hours_ago) {
    fs::last_write_time(Cache().PathOf(key), fs::file_time_type::clock::now() -
                                                 std::chrono::hours(hours_ago));
  }
  size_t FileCount() {
    const fs::path path(directory_.path() + "/a/cache");
    return fs::exists(path) ? std::distance(fs::directory_iterator(path), {})
                            : 0;
  }

  TempDir directory_;
  kernels::ThreadPool pool_{{.threads = 3}};
};

TEST_F(PackCacheTest, WhatWasSavedIsLoaded) {
  for (size_t size :
       {size_t{1}, size_t{kPackChunkBytes} - 1, size_t{kPackChunkBytes},
        size_t{kPackChunkBytes} * 3 + 5}) {
    const auto payload = Bytes(size, 3);
    EXPECT_EQ(Load(Key(1), payload).code(), size == 1
                                                ? absl::StatusCode::kNotFound
                                                : absl::StatusCode::kDataLoss);
    ASSERT_TRUE(Save(Key(1), payload).ok());
    EXPECT_TRUE(Load(Key(1), payload).ok());
    EXPECT_EQ(static_cast<int64_t>(fs::file_size(Cache().PathOf(Key(1)))),
              PackFileBytes(Key(1).text, static_cast<int64_t>(size)));
  }
  EXPECT_EQ(FileCount(), 1u);
  const auto mode = fs::status(Cache().PathOf(Key(1))).permissions();
  EXPECT_EQ(mode, fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(fs::status(directory_.path() + "/a/cache").permissions(),
            fs::perms::owner_all);
}

TEST_F(PackCacheTest, ProgressEndsWithAllBytes) {
  const auto payload = Bytes(kPackChunkBytes * 5, 3);
  ASSERT_TRUE(Save(Key(1), payload).ok());
  std::vector<int64_t> told;
  std::vector<uint8_t> read(payload.size());
  ASSERT_TRUE(Cache()
                  .Load(Key(1), absl::MakeSpan(read), pool_,
                        [&](int64_t done) { told.push_back(done); })
                  .ok());
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  EXPECT_EQ(told.back(), static_cast<int64_t>(payload.size()));
}

// Flips bytes of a saved file one by one.
TEST_F(PackCacheTest, NoByteOfAFileIsTrustedUnseen) {
  const auto payload = Bytes(kPackChunkBytes + 4096 + 3, 4);
  ASSERT_TRUE(Save(Key(1), payload).ok());
  const std::string path = Cache().PathOf(Key(1));
  const int64_t size = static_cast<int64_t>(fs::file_size(path));
  const int64_t header = size - static_cast<int64_t>(payload.size());
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const auto flip = [&](int64_t at) {
    file.seekg(at);
    const char byte = static_cast<char>(file.get() ^ 0x10);
    file.seekp(at);
    file.put(byte);
    file.flush();
  };
  for (int64_t at = 0; at < size; at += at < header ? 1 : 1021) {
    flip(at);
    EXPECT_EQ(Load(Key(1), payload).code(), absl::StatusCode::kDataLoss) << at;
    flip(at);
  }
  EXPECT_TRUE(Load(Key(1), payload).ok());
}

TEST_F(PackCacheTest, WhatIsWrongIsSaid) {
  const auto payload = Bytes(kPackChunkBytes * 2, 5);
  const auto error = [&] {
    return std::string(Load(Key(1), payload).message());
  };
  const std::string path = Cache().PathOf(Key(1));
  const auto overwrite = [&](int64_t at, const std::string& text) {
    ASSERT_TRUE(Save(Key(1), payload).ok());
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at);
    file << text;
  };
  overwrite(0, "GGUF");
  EXPECT_THAT(error(), HasSubstr("no file of packed weights"));
  overwrite(8, std::string(1, '\x02'));
  EXPECT_THAT(error(), HasSubstr("wrong version, got 2, limit 1"));
  overwrite(60, "k");
  EXPECT_THAT(error(), HasSubstr("the checksum of the header differs"));
  const int64_t size = PackFileBytes(Key(1).text, 2 * kPackChunkBytes);
  overwrite(size - 1, "~~");
  EXPECT_THAT(error(), HasSubstr("wrong size, got"));
  overwrite(size - 3, "~~~");
  EXPECT_THAT(error(), HasSubstr("the checksum of chunk 1 of 2 differs"));
  ASSERT_TRUE(Save(Key(1), payload).ok());
  fs::resize_file(path, fs::file_size(path) - kPackChunkBytes);
  EXPECT_THAT(error(), HasSubstr("wrong size, got"));
  fs::resize_file(path, 0);
  EXPECT_THAT(error(), HasSubstr("wrong size, got 0"));
  fs::remove(path);
  fs::create_directory(path);
  EXPECT_FALSE(Load(Key(1), payload).ok());
}

TEST_F(PackCacheTest, APackOfAnotherKeyIsNotTakenForThisOne) {
  const auto payload = Bytes(1000, 6);
  ASSERT_TRUE(Save(Key(1), payload).ok());
  ASSERT_TRUE(Save(Key(2), payload).ok());
  fs::rename(Cache().PathOf(Key(2)), Cache().PathOf(Key(1)));
  const absl::Status status = Load(Key(1), payload);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("made from other files"));
}

TEST_F(PackCacheTest, AFileOfAnotherUserIsNotTrusted) {
  const auto payload = Bytes(1000, 6);
  ASSERT_TRUE(Save(Key(1), payload).ok());
  if (chown(Cache().PathOf(Key(1)).c_str(), 12345, -1) != 0) {
    GTEST_SKIP() << "only root gives files away";
  }
  const absl::Status status = Load(Key(1), payload);
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(status.message()), HasSubstr("another user"));
}

TEST_F(PackCacheTest, TheLeastRecentlyUsedMakesRoom) {
  const auto payload = Bytes(10'000, 7);
  const int64_t one =
      PackFileBytes(Key(1).text, static_cast<int64_t>(payload.size()));
  for (int i : {1, 2, 3}) ASSERT_TRUE(Save(Key(i), payload).ok());
  MarkUsed(Key(1), 3);
  MarkUsed(Key(2), 2);
  MarkUsed(Key(3), 1);
  ASSERT_TRUE(Load(Key(1), payload).ok());  // now the youngest
  // A file of somebody else is neither counted nor touched.
  const std::string other = directory_.Write("a/cache/pack-1.pack", "mine");
  ASSERT_TRUE(Save(Key(4), payload, 3 * one).ok());
  EXPECT_TRUE(absl::IsNotFound(Load(Key(2), payload)));
  for (int i : {1, 3, 4}) EXPECT_TRUE(Load(Key(i), payload).ok()) << i;
  // A lower bound counts from the next pack on.
  ASSERT_TRUE(Save(Key(5), payload, one).ok());
  for (int i : {1, 3, 4}) EXPECT_FALSE(Load(Key(i), payload).ok()) << i;
  EXPECT_TRUE(Load(Key(5), payload).ok());
  EXPECT_TRUE(fs::exists(other));
}

TEST_F(PackCacheTest, APackThatCannotFitEvictsNothing) {
  const auto payload = Bytes(10'000, 7);
  ASSERT_TRUE(Save(Key(1), payload).ok());
  const absl::Status status = Save(Key(2), payload, 10'000);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("pack_cache_bytes: too small for this model, got "
                        "10000, limit at least"));
  EXPECT_TRUE(Load(Key(1), payload).ok());
}

TEST_F(PackCacheTest, ANewPackOfASlotTakesThePlaceOfTheOld) {
  const auto payload = Bytes(1000, 8);
  ASSERT_TRUE(Save({"slot", "old files"}, payload).ok());
  ASSERT_TRUE(Save({"slot", "new files"}, payload).ok());
  EXPECT_TRUE(absl::IsNotFound(Load({"slot", "old files"}, payload)));
  EXPECT_TRUE(Load({"slot", "new files"}, payload).ok());
  EXPECT_EQ(FileCount(), 1u);
}

TEST_F(PackCacheTest, WhatADeadWriterLeftIsRemovedAndALivingOnesIsNot) {
  const auto payload = Bytes(1000, 9);
  ASSERT_TRUE(Save(Key(1), payload).ok());
  const std::string dead =
      directory_.Write("a/cache/0123456789abcdef.unfinished-dead00", "half");
  const std::string living =
      directory_.Write("a/cache/0123456789abcdef.unfinished-live00", "half");
  const int fd = open(living.c_str(), O_RDONLY);
  ASSERT_EQ(flock(fd, LOCK_EX), 0);
  ASSERT_TRUE(Save(Key(2), payload).ok());
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_TRUE(fs::exists(living));
  close(fd);
}

// What two processes do, in threads: each has its own descriptors and locks.
TEST_F(PackCacheTest, WritersAndReadersTogetherSeeWholePacksOnly) {
  const auto payload = Bytes(kPackChunkBytes * 2 + 100, 10);
  const int64_t room =
      2 * PackFileBytes(Key(1).text, static_cast<int64_t>(payload.size()));
  std::vector<std::thread> threads;
  std::atomic<int> loaded{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      kernels::ThreadPool pool({.threads = 1});
      std::vector<uint8_t> read(payload.size());
      for (int i = 0; i < 20; ++i) {
        const PackKey key = Key((t + i) % 3);
        const absl::Status saved = Cache(room).Save(key, hash_, payload, pool);
        // Another's clearing up may meet a writer between its first two steps.
        EXPECT_TRUE(saved.ok() || absl::IsNotFound(saved)) << saved;
        const auto hash = Cache(room).Load(key, absl::MakeSpan(read), pool, {});
        if (hash.ok()) {
          ++loaded;
          EXPECT_EQ(read, payload);
        } else {
          EXPECT_TRUE(absl::IsNotFound(hash.status())) << hash.status();
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(loaded.load(), 0);
  EXPECT_LE(FileCount(), 3u);
}

TEST_F(PackCacheTest, ADirectoryThatCannotBeMadeIsSaid) {
  directory_.Write("a", "a file");
  EXPECT_FALSE(Save(Key(1), Bytes(10, 1)).ok());
  EXPECT_FALSE(Load(Key(1), Bytes(10, 1)).ok());
}

// A file may not grow past a limit of this process; nothing is left behind.
TEST_F(PackCacheTest, AFileSizeLimitIsSaidBeforeItKills) {
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 1 << 20;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status status = Save(Key(1), Bytes(2 << 20, 1));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("larger than files may be"));
  EXPECT_EQ(FileCount(), 0u);
}

// A mount that only this process sees and that goes with it.
bool MountTiny(const std::string& directory, unsigned long flags) {
  return unshare(CLONE_NEWNS) == 0 &&
         mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("tmpfs", directory.c_str(), "tmpfs", flags, "size=1m") == 0;
}

TEST_F(PackCacheTest, AFullDiskIsSaidAndLeftAsItWas) {
  const std::string mounted = directory_.path() + "/a";
  fs::create_directories(mounted);
  if (!MountTiny(mounted, 0)) GTEST_SKIP() << "may not mount a file system";
  const auto small = Bytes(500'000, 1);
  EXPECT_TRUE(Save(Key(1), small).ok());
  const absl::Status status = Save(Key(2), Bytes(2 << 20, 1));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_EQ(FileCount(), 1u);
  EXPECT_TRUE(Load(Key(1), small).ok());
  umount(mounted.c_str());
}

TEST_F(PackCacheTest, AReadOnlyFileSystemIsSaid) {
  const std::string mounted = directory_.path() + "/a";
  fs::create_directories(mounted);
  if (!MountTiny(mounted, MS_RDONLY)) {
    GTEST_SKIP() << "may not mount a file system";
  }
  EXPECT_TRUE(absl::IsNotFound(Load(Key(1), Bytes(10, 1))));
  const absl::Status status = Save(Key(1), Bytes(10, 1));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("Read-only file system"));
  umount(mounted.c_str());
}

class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    const char* old = std::getenv(name);
    if (old != nullptr) old_ = old;
    value == nullptr ? unsetenv(name) : setenv(name, value, 1);
  }
  ~Variable() { old_ ? setenv(name_, old_->c_str(), 1) : unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

TEST(PackCacheDirectory, FollowsTheXdgSpecification) {
  const auto directory = [](const char* option) {
    return PackCacheDirectory({.directory = option});
  };
  {
    const Variable cache("XDG_CACHE_HOME", "/var/cache");
    const Variable home("HOME", "/nobody");
    EXPECT_EQ(**directory("auto"), "/var/cache/sluice");
    EXPECT_EQ(**directory("/x"), "/x");
    EXPECT_FALSE(directory("off")->has_value());
  }
  const Variable cache("XDG_CACHE_HOME", "relative");
  {
    const Variable home("HOME", "/nobody");
    EXPECT_EQ(**directory("auto"), "/nobody/.cache/sluice");
  }
  const Variable home("HOME", nullptr);
  EXPECT_THAT(std::string(directory("auto").status().message()),
              HasSubstr("--pack_cache does"));
}

TEST(PackCacheOptions, AreRefusedByName) {
  EXPECT_TRUE(CheckOptions(PackCacheOptions{}).ok());
  EXPECT_THAT(
      std::string(CheckOptions(PackCacheOptions{.directory = ""}).message()),
      HasSubstr("pack_cache: empty"));
  EXPECT_THAT(
      std::string(CheckOptions(PackCacheOptions{.max_bytes = -1}).message()),
      HasSubstr("pack_cache_bytes: out of range, got -1"));
}

TEST(SourceIdentity, ChangesWithAnyFileOfWeightsAndNoOther) {
  const TempDir directory;
  const auto identity = [&] {
    const auto text = SourceIdentity(directory.path());
    EXPECT_TRUE(text.ok()) << text.status();
    return text.value_or("");
  };
  directory.Write("model-1.safetensors", "one");
  directory.Write("model.safetensors.index.json", "{}");
  const std::string first = identity();
  EXPECT_EQ(identity(), first);
  directory.Write("tokenizer.json", "{}");
  EXPECT_EQ(identity(), first);
  // The same length, in place, as soon as it may be.
  directory.Write("model-1.safetensors", "two");
  const std::string second = identity();
  EXPECT_NE(second, first);
  directory.Write("model-2.safetensors", "");
  EXPECT_NE(identity(), second);
  // A copy with the times of the original.
  fs::remove(directory.path() + "/model-2.safetensors");
  EXPECT_EQ(identity(), second);
  const std::string path = directory.path() + "/model-1.safetensors";
  const auto time = fs::last_write_time(path);
  fs::copy_file(path, path + ".new");
  fs::rename(path + ".new", path);
  fs::last_write_time(path, time);
  EXPECT_NE(identity(), second);
  EXPECT_TRUE(
      absl::IsNotFound(SourceIdentity(directory.path() + "/no").status()));
}

}  // namespace
}  // namespace sluice::generator
