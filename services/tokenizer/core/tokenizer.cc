#include "services/tokenizer/core/tokenizer.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/json.h"
#include "common/vocabulary/token_table.h"
#include "services/tokenizer/core/byte_bpe.h"
#include "services/tokenizer/core/pipeline.h"

namespace sluice::tokenizer {
namespace {

// Old files name no type; their model is then told by its merges.
absl::Status RequireBpe(const JsonValue& model) {
  const bool has_merges = model.Find("merges").has_value();
  ASSIGN_OR_RETURN(std::string_view type,
                   model.GetStringOr("type", has_merges ? "BPE" : "unknown"));
  if (type == "BPE") return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat(
      "tokenizer.json: model: ", absl::string_view(type.data(), type.size()),
      " is not supported, only BPE is"));
}

// The added tokens with one value of `normalized`; those sought in normalised
// text are normalised themselves.
AddedTokens Select(const TokenTable& table, bool normalized,
                   const Normalizer* normalizer) {
  std::vector<AddedToken> chosen;
  for (const AddedToken& token : table.added) {
    if (token.normalized != normalized) continue;
    chosen.push_back(token);
    if (!normalized || normalizer == nullptr) continue;
    NormalizedText content(token.content);
    normalizer->Normalize(content);
    chosen.back().content = std::string(content.text());
  }
  return AddedTokens(chosen);
}

absl::StatusOr<std::unique_ptr<Tokenizer>> FromJson(const JsonValue& root) {
  ASSIGN_OR_RETURN(JsonValue model_json, root.Get("model"));
  RETURN_IF_ERROR(RequireBpe(model_json));
  ASSIGN_OR_RETURN(TokenTable table, ReadTokenTable(root));
  ASSIGN_OR_RETURN(std::unique_ptr<Normalizer> normalizer,
                   MakeNormalizer(root.Find("normalizer")));
  ASSIGN_OR_RETURN(PreTokenizer pre_tokenizer,
                   PreTokenizer::FromJson(root.Find("pre_tokenizer")));
  if (!pre_tokenizer.byte_level()) {
    return absl::UnimplementedError(
        "tokenizer.json: pre_tokenizer: BPE without ByteLevel is not "
        "supported");
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Model> model,
                   ByteBpe::FromJson(model_json, table));
  ASSIGN_OR_RETURN(PostProcessor post_processor,
                   PostProcessor::FromJson(root.Find("post_processor"), table));
  ASSIGN_OR_RETURN(Vocabulary vocabulary, MakeVocabulary(root, table));
  AddedTokens raw = Select(table, false, nullptr);
  AddedTokens normalized = Select(table, true, normalizer.get());
  return std::make_unique<Pipeline>(
      PipelineParts{.raw = std::move(raw),
                    .normalizer = std::move(normalizer),
                    .normalized = std::move(normalized),
                    .pre_tokenizer = std::move(pre_tokenizer),
                    .model = std::move(model),
                    .post_processor = std::move(post_processor),
                    .vocabulary = std::move(vocabulary),
                    .kind = "byte-level-bpe"});
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::FromDirectory(
    const std::string& directory) {
  ASSIGN_OR_RETURN(
      JsonDocument document,
      JsonDocument::ReadFile(directory + "/tokenizer.json", JsonLimits{}));
  return FromJson(document.root());
}

}  // namespace sluice::tokenizer
