#include "bench/peers/gguf/gguf_export.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bench/peers/gguf/gguf_writer.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/json.h"
#include "common/modelfiles/safetensors.h"
#include "services/generator/models/decoder_weights.h"
#include "services/generator/models/model_config.h"
#include "services/generator/weights/tensor_check.h"
#include "services/generator/weights/tensor_reader.h"

namespace sluice::bench {
namespace {

using generator::ModelConfig;
using generator::TensorRequest;

constexpr char kEmbedding[] = "model.embed_tokens.weight";
constexpr char kHead[] = "lm_head.weight";
constexpr int64_t kPieceValues = 1 << 22;

// Kinds of tokens, numbers of the GGUF specification.
constexpr int32_t kNormalToken = 1, kControlToken = 3;
// general.file_type of the ggml project.
constexpr uint32_t kAllF32 = 0, kMostlyQ40 = 2, kMostlyQ80 = 7;

struct Format {
  GgufType layers;
  uint32_t file_type;
};

absl::StatusOr<Format> ParseFormat(const std::string& name) {
  if (name == "f32") return Format{GgufType::kF32, kAllF32};
  if (name == "q8_0") return Format{GgufType::kQ80, kMostlyQ80};
  if (name == "q4_0") return Format{GgufType::kQ40, kMostlyQ40};
  return FieldError("format", "unknown", name, "f32, q8_0 or q4_0");
}

// "model.layers.3.self_attn.q_proj.bias" -> "blk.3.attn_q.bias".
std::string GgufName(const std::string& name) {
  if (name == kEmbedding) return "token_embd.weight";
  if (name == kHead) return "output.weight";
  if (name == "model.norm.weight") return "output_norm.weight";
  const std::pair<absl::string_view, absl::string_view> parts[] = {
      {"input_layernorm", "attn_norm"},
      {"self_attn.q_proj", "attn_q"},
      {"self_attn.k_proj", "attn_k"},
      {"self_attn.v_proj", "attn_v"},
      {"self_attn.o_proj", "attn_output"},
      {"post_attention_layernorm", "ffn_norm"},
      {"mlp.gate_proj", "ffn_gate"},
      {"mlp.up_proj", "ffn_up"},
      {"mlp.down_proj", "ffn_down"}};
  const size_t layer = sizeof("model.layers.") - 1;
  const size_t dot = name.find('.', layer);
  const size_t kind = name.rfind('.');
  const std::string part = name.substr(dot + 1, kind - dot - 1);
  for (const auto& [from, to] : parts) {
    if (part == from) {
      return absl::StrCat("blk.", name.substr(layer, dot - layer), ".", to,
                          name.substr(kind));
    }
  }
  return name;
}

GgufType TypeOf(const TensorRequest& tensor, const ModelConfig& config,
                GgufType layers) {
  if (tensor.shape.size() < 2) return GgufType::kF32;
  const bool head =
      tensor.name == kHead || (tensor.name == kEmbedding && config.tied_head);
  if (!head || layers != GgufType::kQ40) return layers;
  const int64_t columns = tensor.shape.back();
  return columns % BlockValues(GgufType::kQ6K) == 0 ? GgufType::kQ6K
                                                    : GgufType::kQ80;
}

void AddShape(const ModelConfig& config, const Format& format,
              GgufMetadata& metadata) {
  metadata.AddString("general.architecture", "qwen2");
  metadata.AddString("general.name", "sluice bench");
  metadata.AddUint32("general.file_type", format.file_type);
  metadata.AddUint32("general.quantization_version", 2);
  metadata.AddUint32("qwen2.block_count", config.layers);
  metadata.AddUint32("qwen2.context_length", config.max_positions);
  metadata.AddUint32("qwen2.embedding_length", config.hidden_size);
  metadata.AddUint32("qwen2.feed_forward_length", config.ffn_size);
  metadata.AddUint32("qwen2.attention.head_count", config.heads);
  metadata.AddUint32("qwen2.attention.head_count_kv", config.kv_heads);
  metadata.AddUint32("qwen2.attention.key_length", config.head_dim);
  metadata.AddUint32("qwen2.attention.value_length", config.head_dim);
  metadata.AddFloat("qwen2.attention.layer_norm_rms_epsilon",
                    static_cast<float>(config.rms_norm_eps));
  metadata.AddFloat("qwen2.rope.freq_base",
                    static_cast<float>(config.rope_theta));
}

struct Tokens {
  std::vector<std::string> texts;
  std::vector<int32_t> kinds;
  std::vector<std::string> merges;
};

absl::Status ReadVocabulary(const JsonValue& root, Tokens& tokens) {
  const int64_t last = static_cast<int64_t>(tokens.texts.size()) - 1;
  ASSIGN_OR_RETURN(const JsonValue model, root.Get("model"));
  ASSIGN_OR_RETURN(const std::string_view type, model.GetString("type"));
  if (type != "BPE") {
    return absl::UnimplementedError(
        absl::StrCat("tokenizer.json: model.type: no way to write it, got '",
                     std::string(type), "', BPE"));
  }
  ASSIGN_OR_RETURN(const JsonValue vocabulary, model.Get("vocab"));
  RETURN_IF_ERROR(vocabulary.ForEachMember(
      [&](std::string_view text, const JsonValue& value) -> absl::Status {
        ASSIGN_OR_RETURN(const int64_t id, value.AsInt(0, last));
        tokens.texts[id] = std::string(text);
        return absl::OkStatus();
      }));
  ASSIGN_OR_RETURN(const JsonValue merges, model.Get("merges"));
  return merges.ForEachElement([&](const JsonValue& merge) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string_view text, merge.AsString());
    tokens.merges.emplace_back(text);
    return absl::OkStatus();
  });
}

absl::StatusOr<Tokens> ReadTokens(const std::string& directory,
                                  int32_t vocabulary_size) {
  ASSIGN_OR_RETURN(const JsonDocument document,
                   JsonDocument::ReadFile(directory + "/tokenizer.json", {}));
  Tokens tokens;
  tokens.kinds.assign(vocabulary_size, kNormalToken);
  for (int32_t id = 0; id < vocabulary_size; ++id) {
    tokens.texts.push_back(absl::StrCat("[unused", id, "]"));
  }
  RETURN_IF_ERROR(ReadVocabulary(document.root(), tokens));
  ASSIGN_OR_RETURN(const JsonValue added, document.root().Get("added_tokens"));
  RETURN_IF_ERROR(
      added.ForEachElement([&](const JsonValue& token) -> absl::Status {
        ASSIGN_OR_RETURN(const int64_t id,
                         token.GetInt("id", 0, vocabulary_size - 1));
        ASSIGN_OR_RETURN(const std::string_view text,
                         token.GetString("content"));
        tokens.texts[id] = std::string(text);
        tokens.kinds[id] = kControlToken;
        return absl::OkStatus();
      }));
  return tokens;
}

absl::Status AddTokenizer(const std::string& directory,
                          const ModelConfig& config, GgufMetadata& metadata) {
  ASSIGN_OR_RETURN(const Tokens tokens,
                   ReadTokens(directory, config.vocabulary_size));
  metadata.AddString("tokenizer.ggml.model", "gpt2");
  metadata.AddString("tokenizer.ggml.pre", "qwen2");
  metadata.AddStrings("tokenizer.ggml.tokens", tokens.texts);
  metadata.AddInts("tokenizer.ggml.token_type", tokens.kinds);
  metadata.AddStrings("tokenizer.ggml.merges", tokens.merges);
  if (!config.eos_ids.empty()) {
    metadata.AddUint32("tokenizer.ggml.eos_token_id", config.eos_ids.back());
  }
  metadata.AddBool("tokenizer.ggml.add_bos_token", false);
  return absl::OkStatus();
}

absl::Status AppendTensor(const TensorView& tensor, GgufWriter& writer) {
  const int64_t columns = tensor.shape.back();
  const int64_t rows = tensor.elements() / columns;
  const int64_t piece = std::max<int64_t>(1, kPieceValues / columns);
  std::vector<float> values;
  for (int64_t row = 0; row < rows; row += piece) {
    const int64_t count = std::min(piece, rows - row) * columns;
    values.resize(count);
    if (!generator::ReadFloats(tensor, row * columns, count, values.data())) {
      return absl::InvalidArgumentError(
          absl::StrCat(tensor.name, ": a weight that is not finite"));
    }
    RETURN_IF_ERROR(writer.Append(values));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<GgufTensorSpec>> Specs(
    const std::vector<TensorRequest>& tensors, const ModelConfig& config,
    GgufType layers) {
  std::vector<GgufTensorSpec> specs;
  for (const TensorRequest& tensor : tensors) {
    const GgufType type = TypeOf(tensor, config, layers);
    const int64_t columns = tensor.shape.back();
    if (columns % BlockValues(type) != 0) {
      return FieldError("model", absl::StrCat("rows of ", tensor.name),
                        absl::StrCat(columns),
                        absl::StrCat("a multiple of ", BlockValues(type)));
    }
    specs.push_back({GgufName(tensor.name), tensor.shape, type});
  }
  return specs;
}

}  // namespace

absl::Status ExportGguf(const GgufExportOptions& options) {
  ASSIGN_OR_RETURN(const Format format, ParseFormat(options.format));
  ASSIGN_OR_RETURN(const ModelConfig config,
                   generator::ReadModelConfig(options.model));
  if (config.architecture != "Qwen2ForCausalLM") {
    return absl::UnimplementedError(
        absl::StrCat("model: no names for its tensors, got ",
                     config.architecture, ", Qwen2ForCausalLM"));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<SafetensorsReader> reader,
                   SafetensorsReader::OpenDirectory(options.model));
  const std::vector<TensorRequest> tensors =
      generator::DecoderTensors(config, config.tied_head);
  RETURN_IF_ERROR(generator::CheckTensors(*reader, tensors, {kHead}));
  ASSIGN_OR_RETURN(const std::vector<GgufTensorSpec> specs,
                   Specs(tensors, config, format.layers));
  GgufMetadata metadata;
  AddShape(config, format, metadata);
  RETURN_IF_ERROR(AddTokenizer(options.model, config, metadata));
  ASSIGN_OR_RETURN(const std::unique_ptr<GgufWriter> writer,
                   GgufWriter::Create(options.out, metadata, specs));
  for (const TensorRequest& tensor : tensors) {
    RETURN_IF_ERROR(AppendTensor(*reader->Find(tensor.name), *writer));
  }
  return writer->Finish();
}

}  // namespace sluice::bench
