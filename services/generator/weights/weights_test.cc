#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/testing/test_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/generator/kernels/bf16.h"
#include "services/generator/kernels/embedding.h"
#include "services/generator/kernels/half.h"
#include "services/generator/weights/checksum.h"
#include "services/generator/weights/pack_file.h"
#include "services/generator/weights/packed_matrix.h"
#include "services/generator/weights/tensor_check.h"
#include "services/generator/weights/tensor_hash.h"
#include "services/generator/weights/tensor_packer.h"
#include "services/generator/weights/tensor_reader.h"

namespace sluice::generator {
namespace {

using kernels::HalfToFloat;
using testing::HasSubstr;
using testing::Not;

// Bytes of a tensor view that lies, on purpose, at an odd address.
class OddTensor {
 public:
  OddTensor(std::string name, TensorType type, std::vector<int64_t> shape,
            const std::vector<float>& values)
      : bytes_(1) {
    for (float value : values) {
      uint8_t raw[4];
      const int64_t size = TensorTypeBytes(type);
      if (type == TensorType::kF32) {
        std::memcpy(raw, &value, 4);
      } else {
        // Test values are short enough to be exact in both formats.
        const uint16_t bits = type == TensorType::kBF16
                                  ? kernels::FloatToBf16(value)
                                  : Half(value);
        std::memcpy(raw, &bits, 2);
      }
      bytes_.insert(bytes_.end(), raw, raw + size);
    }
    view_ = {std::move(name), type, std::move(shape),
             absl::MakeConstSpan(bytes_).subspan(1)};
  }
  const TensorView* view() const { return &view_; }

 private:
  static uint16_t Half(float value) {
    for (uint32_t bits = 0; bits < 0x10000; ++bits) {
      if (HalfToFloat(static_cast<uint16_t>(bits)) == value) {
        return static_cast<uint16_t>(bits);
      }
    }
    ADD_FAILURE() << value << " is not a half";
    return 0;
  }

  std::vector<uint8_t> bytes_;
  TensorView view_;
};

std::vector<float> Count(int64_t from, int64_t count) {
  std::vector<float> values(count);
  for (int64_t i = 0; i < count; ++i) {
    values[i] = static_cast<float>((from + i * 7) % 127 - 60);
  }
  return values;
}

TEST(HalfToFloat, IsExact) {
  EXPECT_EQ(HalfToFloat(0x3c00), 1.0f);
  EXPECT_EQ(HalfToFloat(0xc000), -2.0f);
  EXPECT_EQ(HalfToFloat(0x7bff), 65504.0f);
  EXPECT_EQ(HalfToFloat(0x0001), 0x1p-24f);
  EXPECT_EQ(HalfToFloat(0x83ff), -1023 * 0x1p-24f);
  EXPECT_EQ(HalfToFloat(0x0400), 0x1p-14f);
  EXPECT_TRUE(std::signbit(HalfToFloat(0x8000)));
  EXPECT_TRUE(std::isinf(HalfToFloat(0x7c00)));
  EXPECT_TRUE(std::isnan(HalfToFloat(0x7e00)));
}

TEST(PackedMatrix, StacksPartsOfAnyTypeExactly) {
  constexpr int64_t kColumns = 133;
  const auto a = Count(0, 5 * kColumns);
  const auto b = Count(3, 40 * kColumns);
  const auto c = Count(9, 2 * kColumns);
  for (TensorType type :
       {TensorType::kF32, TensorType::kBF16, TensorType::kF16}) {
    for (int threads : {1, 3}) {
      kernels::ThreadPool pool({.threads = threads});
      const OddTensor first("a", type, {5, kColumns}, a);
      const OddTensor second("b", TensorType::kBF16, {40, kColumns}, b);
      const OddTensor third("c", type, {2, kColumns}, c);
      auto matrix =
          PackedMatrix::Pack({first.view(), second.view(), third.view()}, pool);
      ASSERT_TRUE(matrix.ok()) << matrix.status();
      EXPECT_EQ(matrix->view().rows, 47);
      EXPECT_EQ(matrix->view().format, type == TensorType::kBF16
                                           ? kernels::WeightFormat::kBf16
                                           : kernels::WeightFormat::kF32);
      std::vector<float> all = a;
      all.insert(all.end(), b.begin(), b.end());
      all.insert(all.end(), c.begin(), c.end());
      std::vector<float> row(kColumns);
      for (int32_t r = 0; r < 47; ++r) {
        kernels::EmbeddingLookup(matrix->view(), r, row.data());
        EXPECT_EQ(row, std::vector<float>(all.begin() + r * kColumns,
                                          all.begin() + (r + 1) * kColumns));
      }
    }
  }
}

TEST(PackedMatrix, NanAndInfinityAreRefusedByName) {
  kernels::ThreadPool pool({.threads = 2});
  for (TensorType type : {TensorType::kF32, TensorType::kBF16}) {
    for (float bad : {std::nanf(""), INFINITY, -INFINITY}) {
      auto values = Count(0, 50 * 20);
      const OddTensor fine("fine", type, {50, 20}, values);
      values[777] = bad;
      const OddTensor broken("broken", type, {50, 20}, values);
      const auto matrix =
          PackedMatrix::Pack({fine.view(), broken.view()}, pool);
      EXPECT_EQ(matrix.status().code(), absl::StatusCode::kInvalidArgument);
      EXPECT_THAT(std::string(matrix.status().message()),
                  HasSubstr("tensor broken"));
      EXPECT_FALSE(ReadVector({broken.view()}).ok());
      EXPECT_TRUE(ReadVector({fine.view()}).ok());
    }
  }
}

class TensorFileTest : public testing::Test {
 protected:
  std::unique_ptr<SafetensorsReader> Open(const std::vector<TensorSpec>& specs,
                                          uint8_t fill = 1) {
    const std::string path =
        absl::StrCat(directory_.path(), "/", ++files_, ".safetensors");
    auto writer = SafetensorsWriter::Create(path, specs);
    EXPECT_TRUE(writer.ok()) << writer.status();
    for (const TensorSpec& spec : specs) {
      int64_t bytes = TensorTypeBytes(spec.type);
      for (int64_t dimension : spec.shape) bytes *= dimension;
      const std::vector<uint8_t> content(bytes, fill);
      EXPECT_TRUE((*writer)->Append(content).ok());
    }
    EXPECT_TRUE((*writer)->Finish().ok());
    auto reader = SafetensorsReader::OpenFile(path);
    EXPECT_TRUE(reader.ok()) << reader.status();
    return *std::move(reader);
  }

  TempDir directory_;
  int files_ = 0;
};

TEST_F(TensorFileTest, ACompleteFileIsFine) {
  const auto reader = Open({{"a", TensorType::kF32, {2, 3}},
                            {"b", TensorType::kBF16, {4}},
                            {"x.rotary_emb.inv_freq", TensorType::kF32, {8}},
                            {"lm_head.weight", TensorType::kF32, {1}}});
  EXPECT_TRUE(
      CheckTensors(*reader, {{"a", {2, 3}}, {"b", {4}}}, {"lm_head.weight"})
          .ok());
}

TEST_F(TensorFileTest, AllFaultsAreListedTogether) {
  const auto reader = Open({{"a", TensorType::kF32, {2, 3}},
                            {"b", TensorType::kI32, {4}},
                            {"stray", TensorType::kF32, {8}}});
  const absl::Status status =
      CheckTensors(*reader, {{"a", {3, 2}}, {"b", {4}}, {"gone", {1}}}, {});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const std::string message(status.message());
  EXPECT_THAT(message, HasSubstr("missing tensors: gone"));
  EXPECT_THAT(message, HasSubstr("a: shape must be [3, 2], got [2, 3]"));
  EXPECT_THAT(message, HasSubstr("b: type must be F32, BF16 or F16, got I32"));
  EXPECT_THAT(message, HasSubstr("no use for: stray"));
}

TEST_F(TensorFileTest, LongListsAreShortened) {
  std::vector<TensorRequest> requests;
  for (int i = 0; i < 100; ++i) requests.push_back({absl::StrCat("t", i), {1}});
  const std::string message(CheckTensors(*Open({}), requests, {}).message());
  EXPECT_THAT(message, HasSubstr("t7 and 92 more"));
  EXPECT_THAT(message, Not(HasSubstr("t50")));
}

// In the order of the file, the last piece first.
std::string HashOf(const SafetensorsReader& reader,
                   const std::vector<std::string>& names) {
  std::vector<const TensorView*> tensors;
  for (const std::string& name : names) tensors.push_back(reader.Find(name));
  TensorHasher hasher(tensors);
  for (const TensorView* tensor : tensors) {
    for (int64_t i = TensorHasher::PieceCount(*tensor) - 1; i >= 0; --i) {
      hasher.HashPiece(*tensor, i);
    }
  }
  return hasher.Finish();
}

TEST_F(TensorFileTest, TheHashDependsOnContentsAloneAndOnAllOfThem) {
  // More than one piece of the hash.
  const TensorSpec a = {"a", TensorType::kU8, {9 << 20}};
  const TensorSpec b = {"b", TensorType::kF32, {2, 3}};
  const std::string hash = HashOf(*Open({a, b}), {"a", "b"});
  EXPECT_EQ(hash.size(), 64u);
  EXPECT_EQ(HashOf(*Open({b, a}), {"b", "a"}), hash);
  EXPECT_NE(HashOf(*Open({a, b}, 2), {"a", "b"}), hash);
  EXPECT_NE(HashOf(*Open({a, b}), {"a"}), hash);
  EXPECT_NE(HashOf(*Open({a, {"b", TensorType::kF32, {3, 2}}}), {"a", "b"}),
            hash);
  EXPECT_NE(HashOf(*Open({a, {"b", TensorType::kI32, {2, 3}}}), {"a", "b"}),
            hash);
}

// Of the files of weights that this process has mapped.
int64_t ResidentFileBytes() {
  std::ifstream maps("/proc/self/smaps");
  int64_t kilobytes = 0;
  bool ours = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.find('-') != std::string::npos &&
        line.find(' ') > line.find('-')) {
      ours = line.find(".safetensors") != std::string::npos;
    } else if (ours && line.rfind("Rss:", 0) == 0) {
      kilobytes += std::stoll(line.substr(4));
    }
  }
  return kilobytes * 1024;
}

TEST_F(TensorFileTest, SlicesPackAndHashWhatTheWholeDoes) {
  // Rows of 1 MiB: slices end inside pieces of the hash and inside parts, and
  // the last panel is not full.
  constexpr int64_t kColumns = 1 << 18;
  const TensorSpec a = {"a", TensorType::kF32, {33, kColumns}};
  const TensorSpec b = {"b", TensorType::kF32, {37, kColumns}};
  const TensorSpec v = {"v", TensorType::kF32, {5}};
  const auto reader = Open({a, b, v}, 0x3f);
  const std::vector<const TensorView*> parts = {reader->Find("a"),
                                                reader->Find("b")};
  const std::vector<const TensorView*> vectors = {reader->Find("v")};
  kernels::ThreadPool pool({.threads = 3});
  const QuantFormat format = {.bits = 4, .group = 128};
  const auto whole = PackedMatrix::Quantize(parts, format, pool);
  ASSERT_TRUE(whole.ok()) << whole.status();

  EXPECT_GT(ResidentFileBytes(), int64_t{64} << 20);
  for (const TensorView* part : parts) reader->DropPages(*part);

  const MatrixLayout layout = LayoutOf(parts, format);
  auto memory = *kernels::HugeBuffer::Allocate(layout.bytes());
  TensorHasher hasher({parts[0], parts[1], vectors[0]});
  int64_t done = 0;
  TensorPacker packer(*reader, pool, hasher,
                      [&](int64_t bytes) { done += bytes; });
  packer.Prefetch(parts);
  ASSERT_TRUE(packer.Matrix(parts, layout, memory.bytes()).ok());
  EXPECT_LT(ResidentFileBytes(), int64_t{1} << 20);
  std::vector<float> copied(5);
  ASSERT_TRUE(packer.Vector(vectors, copied.data()).ok());
  EXPECT_EQ(
      std::memcmp(memory.bytes(), whole->quant_view().panels, layout.bytes()),
      0);
  EXPECT_EQ(copied, *ReadVector(vectors));
  EXPECT_EQ(done, reader->tensor_bytes());
  EXPECT_EQ(hasher.Finish(), HashOf(*reader, {"a", "b", "v"}));
}

// A pack of an earlier program is believed when its version is equal: whoever
// changes these bytes changes kPackVersion, and kNumericsVersion when the
// numbers differ, then this test.
TEST_F(TensorFileTest, PackedBytesAreThoseOfThisVersion) {
  kernels::ThreadPool pool({.threads = 1});
  const OddTensor part("a", TensorType::kBF16, {40, 300}, Count(5, 40 * 300));
  const std::vector<const TensorView*> parts = {part.view()};
  const auto checksum = [&](const std::optional<QuantFormat>& format) {
    const MatrixLayout layout = LayoutOf(parts, format);
    auto memory = *kernels::HugeBuffer::Allocate(layout.bytes());
    PanelPacker packer(parts, layout, memory.bytes());
    for (int64_t i = 0; i < layout.panels(); ++i) packer.Pack(i);
    return Checksum(absl::MakeConstSpan(memory.bytes(), memory.size()));
  };
  EXPECT_EQ(kPackVersion, 1u);
  EXPECT_EQ(checksum(std::nullopt), 1787991442254586262u);
  EXPECT_EQ(checksum(QuantFormat{8, 128, false}), 1565706134121562762u);
  EXPECT_EQ(checksum(QuantFormat{4, 32, false}), 8519818764286192965u);
  EXPECT_EQ(checksum(QuantFormat{4, 64, true}), 13442634240934182724u);
}

}  // namespace
}  // namespace sluice::generator
