#include "services/generator/inspect.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <set>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/safetensors.h"
#include "services/generator/make_random_model_shape.h"

namespace sluice::generator {
namespace {

constexpr int64_t kBf16Bytes = 2;
constexpr size_t kNamesShown = 8;
constexpr char kHead[] = "lm_head.weight";

// Buffers that old checkpoints carry along; the decoder computes them.
bool IsKnownBuffer(const std::string& name) {
  return absl::EndsWith(name, ".rotary_emb.inv_freq") ||
         absl::EndsWith(name, ".masked_bias") ||
         absl::EndsWith(name, ".attn.bias");
}

void AddTensor(const TensorSpec& wanted, const SafetensorsReader& reader,
               ModelReport& report) {
  const TensorView* tensor = reader.Find(wanted.name);
  if (tensor == nullptr && wanted.name == kHead) {
    report.head_falls_back = true;
    return;
  }
  if (tensor == nullptr) {
    report.missing.push_back(wanted.name);
    return;
  }
  if (tensor->shape != wanted.shape) {
    report.wrong_shape.push_back(
        absl::StrCat(wanted.name, ": got ", ShapeToString(tensor->shape),
                     ", wants ", ShapeToString(wanted.shape)));
  }
  report.parameters += tensor->elements();
  report.weight_bytes += static_cast<int64_t>(tensor->bytes.size());
}

std::string SizeText(int64_t bytes) {
  constexpr double kMib = 1 << 20;
  constexpr double kGib = 1 << 30;
  const double size = static_cast<double>(bytes);
  return size < kGib ? absl::StrFormat("%.2f MiB", size / kMib)
                     : absl::StrFormat("%.2f GiB", size / kGib);
}

// At most kNamesShown of them, one a line.
std::string Listed(const std::vector<std::string>& names) {
  std::string text = absl::StrCat(names.size(), "\n");
  const size_t shown = std::min(names.size(), kNamesShown);
  for (size_t i = 0; i < shown; ++i) {
    absl::StrAppend(&text, "  ", names[i], "\n");
  }
  if (shown < names.size()) {
    absl::StrAppend(&text, "  and ", names.size() - shown, " more\n");
  }
  return text;
}

std::string TypesText(const ModelReport& report) {
  std::vector<std::string> parts;
  for (const auto& [type, bytes] : report.bytes_by_type) {
    parts.push_back(absl::StrCat(type, " ", SizeText(bytes)));
  }
  return absl::StrJoin(parts, ", ");
}

}  // namespace

absl::StatusOr<ModelReport> InspectModel(const std::string& directory) {
  ModelReport report;
  ASSIGN_OR_RETURN(report.config, ReadModelConfig(directory));
  ASSIGN_OR_RETURN(const std::unique_ptr<SafetensorsReader> reader,
                   SafetensorsReader::OpenDirectory(directory));
  const ModelConfig& config = report.config;
  std::set<std::string> wanted = {kHead};  // a tied model may carry one
  for (const TensorSpec& spec : DecoderTensorSpecs(config, TensorType::kBF16)) {
    wanted.insert(spec.name);
    AddTensor(spec, *reader, report);
  }
  for (const TensorView& tensor : reader->tensors()) {
    report.bytes_by_type[std::string(TensorTypeName(tensor.type))] +=
        static_cast<int64_t>(tensor.bytes.size());
    if (!wanted.contains(tensor.name) && !IsKnownBuffer(tensor.name)) {
      report.unused.push_back(tensor.name);
    }
  }
  report.kv_position_bytes =
      int64_t{2} * config.layers * config.kv_size() * kBf16Bytes;
  return report;
}

std::string FormatReport(const ModelReport& report) {
  const ModelConfig& config = report.config;
  const int64_t kv_bytes = report.kv_position_bytes * config.max_positions;
  std::string text = absl::StrCat(
      "architecture: ", config.architecture, "\n",  //
      "parameters: ", report.parameters, "\n",      //
      "layers: ", config.layers, ", hidden ", config.hidden_size, ", ffn ",
      config.ffn_size, ", heads ", config.heads, "/", config.kv_heads, " of ",
      config.head_dim, "\n",  //
      "vocabulary: ", config.vocabulary_size, "\n",
      "context: ", config.max_positions, " positions\n",
      "head: ", config.tied_head ? "tied to the embedding" : "its own",
      report.head_falls_back ? ", but missing: the embedding serves" : "",
      "\n");
  absl::StrAppend(
      &text, "end of sequence ids: ", absl::StrJoin(config.eos_ids, ", "), "\n",
      "weights: ", SizeText(report.weight_bytes), " (", TypesText(report),
      " stored)\n",  //
      "KV cache in bf16: ", report.kv_position_bytes, " bytes a position, ",
      SizeText(kv_bytes), " for one full context\n",
      "memory: ", SizeText(report.weight_bytes + kv_bytes),
      " for weights as stored and one full context\n");
  absl::StrAppend(&text, "missing tensors: ", Listed(report.missing));
  absl::StrAppend(&text,
                  "tensors of wrong shape: ", Listed(report.wrong_shape));
  absl::StrAppend(&text, "unused tensors: ", Listed(report.unused));
  absl::StrAppend(&text, "can be served: ", report.servable() ? "yes" : "no",
                  "\n");
  return text;
}

int InspectCommand(const std::vector<std::string>& args) {
  constexpr int kExitUsage = 2;
  const bool help =
      args.size() == 1 && (args[0] == "--help" || args[0] == "-h");
  if (help || args.size() != 1) {
    std::fputs("usage: sluice-generator inspect DIR\n", help ? stdout : stderr);
    return help ? 0 : kExitUsage;
  }
  const absl::StatusOr<ModelReport> report = InspectModel(args[0]);
  if (!report.ok()) {
    std::fprintf(stderr, "inspect: %s\n",
                 std::string(report.status().message()).c_str());
    return 1;
  }
  std::fputs(FormatReport(*report).c_str(), stdout);
  return report->servable() ? 0 : 1;
}

}  // namespace sluice::generator
