#include "tests/quant_error/block_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>
#include <vector>

#include "absl/strings/match.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/safetensors.h"
#include "services/generator/kernels/half.h"
#include "services/generator/weights/tensor_reader.h"

namespace sluice::generator {
namespace {

constexpr int64_t kBlock = 32;

float AsHalf(float x) { return kernels::HalfToFloat(kernels::FloatToHalf(x)); }

void RoundBlock(float* w, int64_t count, bool four_bits) {
  float extreme = 0.0f;
  for (int64_t i = 0; i < count; ++i) {
    if (std::fabs(w[i]) > std::fabs(extreme)) extreme = w[i];
  }
  const float scale = four_bits ? extreme / -8.0f : std::fabs(extreme) / 127.0f;
  const float inverse = scale == 0.0f ? 0.0f : 1.0f / scale;
  for (int64_t i = 0; i < count; ++i) {
    const float code =
        four_bits ? std::min(15.0f, std::floor(w[i] * inverse + 8.5f)) - 8.0f
                  : std::round(w[i] * inverse);
    w[i] = code * AsHalf(scale);
  }
}

std::vector<float> Rounded(const TensorView& tensor, bool four_bits) {
  std::vector<float> values(tensor.elements());
  // NaN would have been refused before.
  (void)ReadFloats(tensor, 0, tensor.elements(), values.data());
  if (tensor.shape.size() != 2) return values;
  const bool layer = absl::StrContains(tensor.name, "layers.");
  const int64_t columns = tensor.shape[1];
  for (int64_t row = 0; row < tensor.shape[0]; ++row) {
    for (int64_t k = 0; k < columns; k += kBlock) {
      RoundBlock(values.data() + row * columns + k,
                 std::min(kBlock, columns - k), four_bits && layer);
    }
  }
  return values;
}

}  // namespace

absl::Status WriteBlockModel(const std::string& directory, bool four_bits,
                             const std::string& out) {
  ASSIGN_OR_RETURN(const std::unique_ptr<SafetensorsReader> reader,
                   SafetensorsReader::OpenDirectory(directory));
  std::filesystem::create_directories(out);
  std::filesystem::copy_file(directory + "/config.json", out + "/config.json",
                             std::filesystem::copy_options::overwrite_existing);
  std::vector<TensorSpec> specs;
  for (const TensorView& tensor : reader->tensors()) {
    specs.push_back({tensor.name, TensorType::kF32, tensor.shape});
  }
  ASSIGN_OR_RETURN(
      const std::unique_ptr<SafetensorsWriter> writer,
      SafetensorsWriter::Create(out + "/model.safetensors", specs));
  for (const TensorView& tensor : reader->tensors()) {
    const std::vector<float> values = Rounded(tensor, four_bits);
    std::vector<uint8_t> bytes(values.size() * sizeof(float));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    RETURN_IF_ERROR(writer->Append(bytes));
  }
  return writer->Finish();
}

}  // namespace sluice::generator
