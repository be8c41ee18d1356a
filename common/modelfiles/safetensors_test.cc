#include "common/modelfiles/safetensors.h"

#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string LittleEndian(uint64_t value) {
  std::string out(8, '\0');
  for (int i = 0; i < 8; ++i) out[i] = static_cast<char>(value >> (8 * i));
  return out;
}

// A file of the given header and data.
std::string FileOf(const std::string& header, const std::string& data) {
  return LittleEndian(header.size()) + header + data;
}

std::string Entry(const std::string& name, const std::string& dtype,
                  const std::string& shape, const std::string& offsets) {
  return absl::StrCat("\"", name, "\":{\"dtype\":\"", dtype, "\",\"shape\":[",
                      shape, "],\"data_offsets\":[", offsets, "]}");
}

class SafetensorsTest : public testing::Test {
 protected:
  SafetensorsTest()
      : folder_(absl::StrCat(
            testing::TempDir(), "safetensors_", getpid(), "_",
            testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::create_directories(folder_);
  }
  ~SafetensorsTest() override { std::filesystem::remove_all(folder_); }

  std::string Put(const std::string& name, const std::string& bytes) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  absl::Status StatusOf(const std::string& bytes) {
    return SafetensorsReader::OpenFile(Put("a.safetensors", bytes)).status();
  }

  // Opening must fail, and say `why`.
  void ExpectRefused(const std::string& bytes, const std::string& why) {
    const absl::Status status = StatusOf(bytes);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << why;
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
    EXPECT_THAT(std::string(status.message()), HasSubstr("a.safetensors"));
  }

  void Write(const std::string& name, const std::vector<TensorSpec>& specs,
             const std::string& bytes) {
    auto writer = SafetensorsWriter::Create(folder_ + "/" + name, specs);
    ASSERT_TRUE(writer.ok()) << writer.status();
    const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
    ASSERT_TRUE((*writer)->Append({data, bytes.size()}).ok());
    ASSERT_TRUE((*writer)->Finish().ok());
  }

  std::string folder_;
};

TEST_F(SafetensorsTest, ReadsBackWhatWasWritten) {
  const std::vector<TensorSpec> specs = {
      {"b", TensorType::kF32, {2, 3}},
      {"a \"quoted\" \\ name", TensorType::kBF16, {3}},
      {"scalar", TensorType::kU8, {}},
      {"empty", TensorType::kI64, {0, 7}}};
  std::string bytes(24 + 6 + 1, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i);
  Write("x.safetensors", specs, bytes);
  auto reader = SafetensorsReader::OpenFile(folder_ + "/x.safetensors");
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*reader)->tensor_bytes(), 31);
  EXPECT_EQ((*reader)->metadata().at("format"), "pt");
  std::string read;
  for (const TensorSpec& spec : specs) {
    const TensorView* tensor = (*reader)->Find(spec.name);
    ASSERT_NE(tensor, nullptr) << spec.name;
    EXPECT_EQ(tensor->type, spec.type);
    EXPECT_EQ(tensor->shape, spec.shape);
    read.append(tensor->bytes.begin(), tensor->bytes.end());
  }
  EXPECT_EQ(read, bytes);
  EXPECT_EQ((*reader)->Find("c"), nullptr);
}

TEST_F(SafetensorsTest, DroppedPagesAreReadAgain) {
  const std::string bytes(100000, 'x');
  Write("x.safetensors", {{"a", TensorType::kU8, {100000}}}, bytes);
  auto reader = SafetensorsReader::OpenFile(folder_ + "/x.safetensors");
  ASSERT_TRUE(reader.ok());
  const TensorView* tensor = (*reader)->Find("a");
  (*reader)->DropPages(*tensor);
  EXPECT_EQ(std::string(tensor->bytes.begin(), tensor->bytes.end()), bytes);
}

TEST_F(SafetensorsTest, OffsetsDecideNotTheOrderOfTheHeader) {
  ASSERT_TRUE(StatusOf(FileOf("{" + Entry("late", "U8", "2", "3,5") + "," +
                                  Entry("early", "U8", "3", "0,3") + "}",
                              "abcde"))
                  .ok());
  auto reader = SafetensorsReader::OpenFile(folder_ + "/a.safetensors");
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ((*reader)->tensors()[0].name, "early");
  EXPECT_THAT((*reader)->Find("late")->bytes, ElementsAre('d', 'e'));
}

TEST_F(SafetensorsTest, EveryTruncationIsRefused) {
  const std::string whole =
      FileOf("{" + Entry("a", "F32", "2,2", "0,16") + "," +
                 Entry("b", "BF16", "3", "16,22") + "}",
             std::string(22, 'x'));
  ASSERT_TRUE(StatusOf(whole).ok());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(StatusOf(whole.substr(0, size)).code(),
              absl::StatusCode::kInvalidArgument)
        << size;
  }
}

// Whatever one changed byte does, it is refused or the result holds together.
TEST_F(SafetensorsTest, NoSingleChangedByteBreaksTheReader) {
  const std::string whole =
      FileOf("{" + Entry("a", "F32", "2,2", "0,16") + "," +
                 Entry("b", "BF16", "3", "16,22") + "}",
             std::string(22, 'x'));
  std::mt19937 random(5);
  for (size_t at = 0; at < whole.size() - 22; ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(random());
    const auto reader =
        SafetensorsReader::OpenFile(Put("a.safetensors", changed));
    if (!reader.ok()) continue;
    int64_t total = 0;
    uint8_t sum = 0;
    for (const TensorView& tensor : (*reader)->tensors()) {
      for (uint8_t byte : tensor.bytes) sum ^= byte;
      total += tensor.elements() * TensorTypeBytes(tensor.type);
    }
    EXPECT_EQ(total, (*reader)->tensor_bytes()) << int{sum};
  }
}

TEST_F(SafetensorsTest, HeaderLengthsThatLieAreRefused) {
  const std::string header = "{" + Entry("a", "U8", "1", "0,1") + "}";
  ExpectRefused(LittleEndian(0) + header + "x", "header does not begin");
  ExpectRefused(LittleEndian(uint64_t{1} << 63) + header, "header of");
  ExpectRefused(LittleEndian(~uint64_t{0}) + header, "header of");
  ExpectRefused(LittleEndian(100'000'001) + header, "at most 100000000");
  ExpectRefused(LittleEndian(header.size() + 2) + header + "x", "header of");
  ExpectRefused("", "too short");
  ExpectRefused("1234567", "too short");
}

TEST_F(SafetensorsTest, HeadersThatAreNotTensorsAreRefused) {
  ExpectRefused(FileOf("[]", ""), "header does not begin");
  ExpectRefused(FileOf("{\"a\":", ""), "");
  ExpectRefused(FileOf("{\"a\":1}", ""), "must be an object");
  ExpectRefused(FileOf("{\"a\":{}}", ""), "dtype");
  ExpectRefused(FileOf("{" + Entry("a", "F99", "1", "0,1") + "}", "x"),
                "unknown dtype");
  ExpectRefused(FileOf("{" + Entry("a", "U8", "-1", "0,1") + "}", "x"),
                "shape");
  ExpectRefused(FileOf("{" + Entry("a", "U8", "1", "0") + "}", "x"),
                "data_offsets");
  ExpectRefused(FileOf("{" + Entry("a", "U8", "1", "1,0") + "}", "x"),
                "data_offsets");
  ExpectRefused(FileOf("{" + Entry("a", "U8", "1", "0,1.5") + "}", "x"),
                "data_offsets");
  ExpectRefused(
      FileOf("{" + Entry("a", "U8", "1,1,1,1,1,1,1,1,1", "0,1") + "}", "x"),
      "dimensions");
  ExpectRefused(FileOf("{\"__metadata__\":{\"a\":1}}", ""), "__metadata__");
  const std::string long_name(1025, 'n');
  ExpectRefused(FileOf("{" + Entry(long_name, "U8", "1", "0,1") + "}", "x"),
                "name has 1025");
}

TEST_F(SafetensorsTest, RangesMustTileTheDataExactly) {
  const auto two = [](const std::string& a, const std::string& b,
                      const std::string& data) {
    return FileOf(
        "{" + Entry("a", "U8", "2", a) + "," + Entry("b", "U8", "2", b) + "}",
        data);
  };
  ExpectRefused(two("0,2", "1,3", "abc"), "overlap");
  ExpectRefused(two("0,2", "0,2", "ab"), "overlap");
  ExpectRefused(two("0,2", "3,5", "abcde"), "hole");
  ExpectRefused(two("1,3", "3,5", "abcde"), "hole");
  ExpectRefused(two("0,2", "2,4", "abcde"), "the file has 5");
  ExpectRefused(two("0,2", "2,4", "abc"), "the file has 3");
}

TEST_F(SafetensorsTest, SizesThatDoNotFitAreRefused) {
  ExpectRefused(FileOf("{" + Entry("a", "F32", "2", "0,4") + "}", "abcd"),
                "needs 8 bytes");
  ExpectRefused(
      FileOf("{" + Entry("a", "F32", "4611686018427387904,4", "0,0") + "}", ""),
      "overflows");
  ExpectRefused(
      FileOf("{" + Entry("a", "U8", "9223372036854775807,2", "0,0") + "}", ""),
      "overflows");
  ExpectRefused(FileOf("{" +
                           Entry("a", "U8", "9223372036854775807",
                                 "0,9223372036854775807") +
                           "}",
                       "x"),
                "the file has 1");
  ExpectRefused(
      FileOf("{" + Entry("a", "U8", "1", "0,18446744073709551616") + "}", "x"),
      "data_offsets");
}

TEST_F(SafetensorsTest, AMissingFileIsNotFoundAndAFolderIsRefused) {
  EXPECT_EQ(SafetensorsReader::OpenFile(folder_ + "/none").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(SafetensorsReader::OpenFile(folder_).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(SafetensorsReader::OpenDirectory(folder_).status().code(),
            absl::StatusCode::kNotFound);
}

class ShardsTest : public SafetensorsTest {
 protected:
  ShardsTest() {
    Write("one.safetensors", {{"a", TensorType::kU8, {2}}}, "aa");
    Write("two.safetensors", {{"b", TensorType::kU8, {3}}}, "bbb");
  }
  absl::Status StatusOfIndex(const std::string& weight_map) {
    Put("model.safetensors.index.json",
        "{\"metadata\":{\"total_size\":5},\"weight_map\":" + weight_map + "}");
    return SafetensorsReader::OpenDirectory(folder_).status();
  }
  void ExpectIndexRefused(const std::string& weight_map,
                          const std::string& why) {
    const absl::Status status = StatusOfIndex(weight_map);
    EXPECT_FALSE(status.ok()) << weight_map;
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
  }
};

TEST_F(ShardsTest, ADirectoryOfShardsReadsLikeOneFile) {
  ASSERT_TRUE(
      StatusOfIndex(R"({"b": "two.safetensors", "a": "one.safetensors"})")
          .ok());
  auto reader = SafetensorsReader::OpenDirectory(folder_);
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ((*reader)->tensors().size(), 2u);
  EXPECT_EQ((*reader)->tensor_bytes(), 5);
  EXPECT_EQ((*reader)->Find("b")->shape, std::vector<int64_t>{3});
}

TEST_F(ShardsTest, IndexAndShardsMustAgree) {
  ExpectIndexRefused(R"({"a": "one.safetensors", "b": "one.safetensors"})",
                     "does not hold it");
  ExpectIndexRefused(R"({"a": "two.safetensors", "b": "two.safetensors"})",
                     "tensor a");
  ExpectIndexRefused(R"({"c": "one.safetensors", "b": "two.safetensors"})",
                     "tensor a");
  ExpectIndexRefused(R"({"a": "../one.safetensors"})", "not the name");
  ExpectIndexRefused(R"({"a": "/etc/passwd"})", "not the name");
  ExpectIndexRefused(R"({"a": "three.safetensors"})", "three.safetensors");
  ExpectIndexRefused(R"({"a": 1})", "weight_map");
  ExpectIndexRefused("[]", "weight_map");
}

TEST_F(ShardsTest, ATensorInTwoShardsIsRefused) {
  Write("two.safetensors",
        {{"a", TensorType::kU8, {1}}, {"b", TensorType::kU8, {2}}}, "abb");
  ExpectIndexRefused(R"({"a": "one.safetensors", "b": "two.safetensors"})",
                     "another shard");
}

TEST_F(SafetensorsTest, TheWriterRefusesWhatAReaderWould) {
  const std::string path = folder_ + "/w.safetensors";
  using Specs = std::vector<TensorSpec>;
  for (const Specs& specs :
       {Specs{{"a", TensorType::kU8, {1}}, {"a", TensorType::kU8, {1}}},
        Specs{{"a", TensorType::kU8, {-1}}},
        Specs{{"a", TensorType::kF32, {int64_t{1} << 62}}},
        Specs{{"__metadata__", TensorType::kU8, {1}}}}) {
    EXPECT_EQ(SafetensorsWriter::Create(path, specs).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(SafetensorsTest, AnUnfinishedFileNeverAppears) {
  const std::string path = folder_ + "/w.safetensors";
  const std::vector<uint8_t> bytes(3);
  {
    auto writer =
        SafetensorsWriter::Create(path, {{{"a", TensorType::kU8, {5}}}});
    ASSERT_TRUE(writer.ok());
    EXPECT_TRUE((*writer)->Append(bytes).ok());
    EXPECT_EQ((*writer)->Append(bytes).code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ((*writer)->Finish().code(),
              absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
  EXPECT_FALSE(SafetensorsWriter::Create(folder_ + "/no/such/folder", {}).ok());
}

}  // namespace
}  // namespace sluice
