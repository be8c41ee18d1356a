#include "services/generator/torch/trainer/export.h"

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/safetensors.h"

namespace sluice::generator {
namespace {

absl::Status WriteText(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) {
    return absl::InternalError(absl::StrCat(path, ": cannot be written"));
  }
  return absl::OkStatus();
}

std::string ConfigJson(const ModelShape& shape, const SpecialIds& ids) {
  return absl::StrCat(
      "{\n  \"architectures\": [\"Qwen2ForCausalLM\"],\n",
      "  \"model_type\": \"qwen2\",\n  \"torch_dtype\": \"bfloat16\",\n",
      "  \"vocab_size\": ", shape.vocabulary,
      ",\n  \"hidden_size\": ", shape.hidden,
      ",\n  \"intermediate_size\": ", shape.ffn,
      ",\n  \"num_hidden_layers\": ", shape.layers,
      ",\n  \"num_attention_heads\": ", shape.heads,
      ",\n  \"num_key_value_heads\": ", shape.kv_heads,
      ",\n  \"max_position_embeddings\": ", shape.max_positions,
      ",\n  \"rope_theta\": ", shape.rope_theta,
      ",\n  \"rms_norm_eps\": ", shape.rms_norm_eps,
      ",\n  \"hidden_act\": \"silu\",\n  \"tie_word_embeddings\": true,\n",
      "  \"use_sliding_window\": false,\n  \"attention_dropout\": 0.0,\n",
      "  \"initializer_range\": 0.02,\n  \"use_cache\": true,\n",
      "  \"bos_token_id\": ", ids.end_of_text,
      ",\n  \"eos_token_id\": ", ids.message_end, "\n}\n");
}

std::string GenerationJson(const SpecialIds& ids) {
  return absl::StrCat("{\n  \"bos_token_id\": ", ids.end_of_text,
                      ",\n  \"pad_token_id\": ", ids.end_of_text,
                      ",\n  \"eos_token_id\": [", ids.message_end, ", ",
                      ids.end_of_text, "],\n  \"do_sample\": false\n}\n");
}

}  // namespace

absl::Status ExportModel(const std::string& directory, const ModelShape& shape,
                         const SpecialIds& ids, const TrainableModel& model) {
  std::filesystem::create_directories(directory);
  RETURN_IF_ERROR(
      WriteText(directory + "/config.json", ConfigJson(shape, ids)));
  RETURN_IF_ERROR(
      WriteText(directory + "/generation_config.json", GenerationJson(ids)));
  const std::vector<NamedTensor> tensors = model.HuggingFaceTensors();
  std::vector<TensorSpec> specs;
  for (const NamedTensor& named : tensors) {
    specs.push_back(
        {named.name, TensorType::kBF16, named.tensor.sizes().vec()});
  }
  ASSIGN_OR_RETURN(
      std::unique_ptr<SafetensorsWriter> writer,
      SafetensorsWriter::Create(directory + "/model.safetensors", specs));
  for (const NamedTensor& named : tensors) {
    const torch::Tensor stored =
        named.tensor.detach().to(torch::kBFloat16).contiguous();
    RETURN_IF_ERROR(writer->Append(absl::MakeConstSpan(
        static_cast<const uint8_t*>(stored.data_ptr()), stored.nbytes())));
  }
  return writer->Finish();
}

}  // namespace sluice::generator
