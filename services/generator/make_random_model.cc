#include "services/generator/make_random_model.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "services/generator/make_random_model_shape.h"
#include "services/generator/make_random_model_tokenizer.h"
#include "services/generator/make_random_model_weights.h"

namespace sluice::generator {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kPieceElements = 2 << 20;

int64_t Elements(const TensorSpec& tensor) { return CountParameters({tensor}); }

int64_t Bytes(const TensorSpec& tensor) {
  return Elements(tensor) * TensorTypeBytes(tensor.type);
}

struct Shard {
  std::string file;
  std::vector<TensorSpec> tensors;
};

// A tensor is never split; one that passes the limit gets its own shard.
std::vector<Shard> PlanShards(std::vector<TensorSpec> tensors,
                              int64_t max_shard_bytes) {
  std::vector<Shard> shards(1);
  int64_t shard_bytes = 0;
  for (TensorSpec& tensor : tensors) {
    const int64_t bytes = Bytes(tensor);
    if (shard_bytes > 0 && shard_bytes + bytes > max_shard_bytes) {
      shards.emplace_back();
      shard_bytes = 0;
    }
    shard_bytes += bytes;
    shards.back().tensors.push_back(std::move(tensor));
  }
  if (shards.size() == 1) {
    shards[0].file = "model.safetensors";
    return shards;
  }
  for (size_t i = 0; i < shards.size(); ++i) {
    shards[i].file =
        absl::StrFormat("model-%05d-of-%05d.safetensors", i + 1, shards.size());
  }
  return shards;
}

std::string IndexJson(const std::vector<Shard>& shards, int64_t total_bytes) {
  nlohmann::ordered_json index = {{"metadata", {{"total_size", total_bytes}}},
                                  {"weight_map", nlohmann::json::object()}};
  for (const Shard& shard : shards) {
    for (const TensorSpec& tensor : shard.tensors) {
      index["weight_map"][tensor.name] = shard.file;
    }
  }
  return index.dump(2) + "\n";
}

absl::Status CheckOptions(const RandomModelOptions& options) {
  if (options.out.empty()) {
    return absl::InvalidArgumentError("out: a directory is wanted, got none");
  }
  if (options.type != TensorType::kF32 && options.type != TensorType::kBF16) {
    return absl::InvalidArgumentError(
        absl::StrCat("dtype: got ", std::string(TensorTypeName(options.type)),
                     ", known are f32 and bf16"));
  }
  if (!(options.logit_spread > 0.0 && options.logit_spread <= 1000.0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("logit_spread: got ", options.logit_spread,
                     ", must be above 0 and at most 1000"));
  }
  if (options.max_shard_bytes < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "max_shard_bytes: got ", options.max_shard_bytes, ", at least 1"));
  }
  return absl::OkStatus();
}

absl::Status PrepareDirectory(const RandomModelOptions& options,
                              int64_t total_bytes) {
  const fs::path out = options.out;
  std::error_code error;
  fs::create_directories(out, error);
  if (error) {
    return absl::InvalidArgumentError(absl::StrCat(
        "out: '", options.out, "' cannot be made, ", error.message()));
  }
  if (fs::exists(out / "config.json", error) && !options.overwrite) {
    return absl::AlreadyExistsError(absl::StrCat(
        "out: '", options.out, "' holds a model already (--overwrite)"));
  }
  fs::remove(out / "config.json", error);
  const fs::space_info space = fs::space(out, error);
  if (!error && space.available < static_cast<uint64_t>(total_bytes)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("out: the weights need ", total_bytes, " bytes, '",
                     options.out, "' has ", space.available));
  }
  return absl::OkStatus();
}

// Writes the shards one after the other and counts what is done.
class WeightFileWriter {
 public:
  WeightFileWriter(const RandomModelOptions& options, const ModelConfig& config,
                   const WriteProgress& progress, int64_t total_bytes)
      : options_(options),
        config_(config),
        progress_(progress),
        total_bytes_(total_bytes) {}

  absl::Status Write(const Shard& shard) {
    ASSIGN_OR_RETURN(std::unique_ptr<SafetensorsWriter> writer,
                     SafetensorsWriter::Create(
                         fs::path(options_.out) / shard.file, shard.tensors));
    for (const TensorSpec& tensor : shard.tensors) {
      RETURN_IF_ERROR(Write(tensor, *writer));
    }
    return writer->Finish();
  }

 private:
  absl::Status Write(const TensorSpec& tensor, SafetensorsWriter& writer) {
    const WeightDistribution distribution =
        DistributionOf(tensor.name, config_, options_.logit_spread);
    const int64_t elements = Elements(tensor);
    for (int64_t first = 0; first < elements; first += kPieceElements) {
      const int64_t count = std::min(kPieceElements, elements - first);
      piece_.clear();
      AppendRandomWeights(options_.seed, tensor, distribution, {first, count},
                          piece_);
      RETURN_IF_ERROR(writer.Append(piece_));
      done_bytes_ += static_cast<int64_t>(piece_.size());
      if (progress_) progress_(done_bytes_, total_bytes_);
    }
    return absl::OkStatus();
  }

  const RandomModelOptions& options_;
  const ModelConfig& config_;
  const WriteProgress& progress_;
  const int64_t total_bytes_;
  int64_t done_bytes_ = 0;
  std::vector<uint8_t> piece_;
};

}  // namespace

absl::Status MakeRandomModel(const RandomModelOptions& options,
                             const WriteProgress& progress) {
  RETURN_IF_ERROR(CheckOptions(options));
  ASSIGN_OR_RETURN(const ModelConfig config,
                   ParseRandomShape(options.family, options.shape));
  std::vector<TensorSpec> tensors = DecoderTensorSpecs(config, options.type);
  const int64_t total_bytes =
      CountParameters(tensors) * TensorTypeBytes(options.type);
  RETURN_IF_ERROR(PrepareDirectory(options, total_bytes));
  const std::vector<Shard> shards =
      PlanShards(std::move(tensors), options.max_shard_bytes);
  WeightFileWriter writer(options, config, progress, total_bytes);
  for (const Shard& shard : shards) RETURN_IF_ERROR(writer.Write(shard));

  const fs::path out = options.out;
  if (shards.size() > 1) {
    RETURN_IF_ERROR(WriteFileAtomically(out / "model.safetensors.index.json",
                                        IndexJson(shards, total_bytes)));
  }
  RETURN_IF_ERROR(
      WriteFileAtomically(out / "tokenizer.json", RandomTokenizerJson(config)));
  RETURN_IF_ERROR(WriteFileAtomically(out / "tokenizer_config.json",
                                      RandomTokenizerConfigJson(config)));
  RETURN_IF_ERROR(WriteFileAtomically(out / "generation_config.json",
                                      RandomGenerationConfigJson()));
  return WriteFileAtomically(out / "config.json",
                             RandomConfigJson(config, options.type));
}

}  // namespace sluice::generator
