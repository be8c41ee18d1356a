#include "tests/parity/goldens.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/sha256.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/safetensors.h"
#include "services/generator/make_random_model.h"

namespace sluice::parity {
namespace {

using Json = nlohmann::json;

absl::Status Bad(const std::string& what) {
  return absl::DataLossError(absl::StrCat("goldens: ", what));
}

// One row per position, out of a float32 tensor.
std::vector<std::vector<float>> ToRows(const TensorView& tensor) {
  const int64_t rows = tensor.shape[0];
  const int64_t columns = tensor.shape[1];
  std::vector<std::vector<float>> out(rows, std::vector<float>(columns));
  for (int64_t row = 0; row < rows; ++row) {
    std::memcpy(out[row].data(),
                tensor.bytes.data() + row * columns * sizeof(float),
                columns * sizeof(float));
  }
  return out;
}

// Comparing with rows that are constant or equal to each other would prove
// nothing.
bool RowsDiffer(const std::vector<std::vector<float>>& rows) {
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto [low, high] =
        std::minmax_element(rows[i].begin(), rows[i].end());
    if (!(*high - *low > 1.0f)) return false;
    for (size_t j = 0; j < i; ++j) {
      float difference = 0.0f;
      for (size_t k = 0; k < rows[i].size(); ++k) {
        difference = std::max(difference, std::abs(rows[i][k] - rows[j][k]));
      }
      if (!(difference > 0.1f)) return false;
    }
  }
  return !rows.empty();
}

absl::Status CheckCase(const std::string& name, const GoldenCase& golden,
                       int32_t greedy_tokens) {
  const int32_t prompt = static_cast<int32_t>(golden.prompt_ids.size());
  const auto has = [&](int32_t position) {
    return std::binary_search(golden.positions.begin(), golden.positions.end(),
                              position);
  };
  if (prompt == 0 ||
      static_cast<int32_t>(golden.greedy_ids.size()) != greedy_tokens) {
    return Bad(absl::StrCat(name, ": a prompt and ", greedy_tokens,
                            " greedy ids are wanted"));
  }
  if (golden.positions.size() != golden.logits.size() || !has(prompt - 1) ||
      !has(prompt) || !has(prompt + greedy_tokens - 1)) {
    return Bad(absl::StrCat(name,
                            ": logits of the last prompt row and of the "
                            "first and last decode row are wanted"));
  }
  // Equal rows are expected nowhere: each sees another context.
  if (!RowsDiffer(golden.logits)) {
    return Bad(absl::StrCat(name, ": logits are degenerate"));
  }
  return absl::OkStatus();
}

absl::StatusOr<GoldenModel> ParseModel(const Json& json,
                                       const std::string& directory,
                                       int32_t greedy_tokens) {
  GoldenModel model;
  model.name = json.at("name");
  model.family = json.at("family");
  model.shape = json.at("shape");
  model.dtype = json.at("dtype");
  model.seed = json.at("seed");
  model.weights_sha256 = json.at("weights_sha256");
  const std::string file = json.at("logits");
  ASSIGN_OR_RETURN(const std::unique_ptr<SafetensorsReader> reader,
                   SafetensorsReader::OpenFile(directory + "/" + file));
  for (const Json& entry : json.at("cases")) {
    GoldenCase golden;
    entry.at("prompt_ids").get_to(golden.prompt_ids);
    entry.at("greedy_ids").get_to(golden.greedy_ids);
    entry.at("positions").get_to(golden.positions);
    const TensorView* logits =
        reader->Find("logits." + std::to_string(model.cases.size()));
    if (logits == nullptr || logits->type != TensorType::kF32 ||
        logits->shape.size() != 2) {
      return Bad(absl::StrCat(file, ": logits of case ", model.cases.size(),
                              " are missing"));
    }
    golden.logits = ToRows(*logits);
    RETURN_IF_ERROR(CheckCase(model.name, golden, greedy_tokens));
    model.cases.push_back(std::move(golden));
  }
  return model;
}

// sha256 over "NAME TYPE [SHAPE]\n" and the bytes of each tensor, by name.
absl::StatusOr<std::string> WeightsDigest(const std::string& directory) {
  ASSIGN_OR_RETURN(const std::unique_ptr<SafetensorsReader> reader,
                   SafetensorsReader::OpenDirectory(directory));
  std::vector<const TensorView*> tensors;
  for (const TensorView& tensor : reader->tensors()) {
    tensors.push_back(&tensor);
  }
  std::sort(tensors.begin(), tensors.end(),
            [](const auto* a, const auto* b) { return a->name < b->name; });
  Sha256 digest;
  for (const TensorView* tensor : tensors) {
    digest.Update(absl::StrCat(tensor->name, " ",
                               std::string(TensorTypeName(tensor->type)), " ",
                               ShapeToString(tensor->shape), "\n"));
    digest.Update({reinterpret_cast<const char*>(tensor->bytes.data()),
                   tensor->bytes.size()});
  }
  return digest.FinishHex();
}

}  // namespace

std::vector<int32_t> GoldenCase::AllIds() const {
  std::vector<int32_t> ids = prompt_ids;
  ids.insert(ids.end(), greedy_ids.begin(), greedy_ids.end());
  return ids;
}

absl::StatusOr<Goldens> LoadGoldens(const std::string& directory) {
  constexpr int64_t kMaxBytes = 1 << 20;
  ASSIGN_OR_RETURN(const std::string text,
                   ReadFile(directory + "/goldens.json", kMaxBytes));
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return Bad("goldens.json: not JSON");
  try {
    Goldens goldens;
    goldens.tolerance = json.at("tolerance");
    goldens.greedy_tokens = json.at("greedy_tokens");
    for (const Json& entry : json.at("models")) {
      ASSIGN_OR_RETURN(GoldenModel model,
                       ParseModel(entry, directory, goldens.greedy_tokens));
      goldens.models.push_back(std::move(model));
    }
    return goldens;
  } catch (const Json::exception& error) {
    return Bad(absl::StrCat("goldens.json: ", error.what()));
  }
}

absl::Status MakeGoldenModel(const GoldenModel& model,
                             const std::string& directory) {
  generator::RandomModelOptions options;
  options.out = directory;
  options.family = model.family;
  options.shape = model.shape;
  options.type = model.dtype == "bf16" ? TensorType::kBF16 : TensorType::kF32;
  options.seed = model.seed;
  options.overwrite = true;
  RETURN_IF_ERROR(generator::MakeRandomModel(options));
  ASSIGN_OR_RETURN(const std::string digest, WeightsDigest(directory));
  if (digest == model.weights_sha256) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      model.name,
      ": make-random-model has drifted, sha256 of the weights: got ", digest,
      ", the goldens were made with ", model.weights_sha256));
}

}  // namespace sluice::parity
