#include "services/generator/weights/tensor_hash.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/sha256.h"

namespace sluice::generator {
namespace {

constexpr size_t kPieceBytes = size_t{4} << 20;

std::vector<std::string_view> PiecesOf(const TensorView& tensor) {
  const std::string_view bytes(
      reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
  std::vector<std::string_view> pieces;
  for (size_t at = 0; at < bytes.size(); at += kPieceBytes) {
    pieces.push_back(bytes.substr(at, kPieceBytes));
  }
  return pieces;
}

}  // namespace

std::string HashTensors(const SafetensorsReader& reader,
                        std::vector<std::string> names,
                        kernels::ThreadPool& pool) {
  std::sort(names.begin(), names.end());
  std::vector<std::string_view> pieces;
  std::string headers;
  for (const std::string& name : names) {
    const TensorView* tensor = reader.Find(name);
    SLUICE_CHECK(tensor != nullptr, "a tensor to be hashed is missing");
    const std::vector<std::string_view> own = PiecesOf(*tensor);
    pieces.insert(pieces.end(), own.begin(), own.end());
    absl::StrAppend(&headers, name.size(), ":", name, " ",
                    std::string(TensorTypeName(tensor->type)), " ",
                    ShapeToString(tensor->shape), "\n");
  }
  std::vector<std::string> digests(pieces.size());
  const int64_t count = static_cast<int64_t>(pieces.size());
  pool.Run([&](kernels::ThreadPool::Worker& worker) {
    worker.For(count, 1,
               [&](int64_t i, int64_t) { digests[i] = Sha256Hex(pieces[i]); });
  });
  Sha256 all;
  all.Update(headers);
  for (const std::string& digest : digests) all.Update(digest);
  return all.FinishHex();
}

}  // namespace sluice::generator
