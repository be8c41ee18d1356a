#include "services/tokenizer/core/tokenizer.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/vocabulary/token_table.h"
#include "common/vocabulary/tokenizer_files.h"
#include "services/tokenizer/core/models/byte_bpe.h"
#include "services/tokenizer/core/models/char_bpe.h"
#include "services/tokenizer/core/models/sentencepiece_bpe.h"
#include "services/tokenizer/core/models/unigram.h"
#include "services/tokenizer/core/models/word_models.h"
#include "services/tokenizer/core/pipeline.h"

namespace sluice::tokenizer {
namespace {

// Old files name no type; their model is then told by what it has.
absl::StatusOr<std::string_view> ModelType(const JsonValue& model) {
  std::string_view guess = "unknown";
  if (model.Find("merges").has_value()) {
    guess = "BPE";
  } else if (model.Find("unk_id").has_value()) {
    guess = "Unigram";
  } else if (model.Find("continuing_subword_prefix").has_value()) {
    guess = "WordPiece";
  }
  return model.GetStringOr("type", guess);
}

struct MadeModel {
  std::unique_ptr<Model> model;
  std::string kind;
};

absl::StatusOr<MadeModel> MakeBpe(const JsonValue& json,
                                  const TokenTable& table,
                                  PreTokenizer& pre_tokenizer) {
  ASSIGN_OR_RETURN(double dropout, json.GetDoubleOr("dropout", 0));
  if (dropout != 0) {
    return absl::UnimplementedError(
        "tokenizer.json: model.dropout: other than 0 is not supported");
  }
  MadeModel made;
  ASSIGN_OR_RETURN(bool suits, SuitsByteBpe(json, table));
  if (pre_tokenizer.ends_byte_level() && suits) {
    pre_tokenizer.set_alphabet(PreTokenizer::Alphabet::kBytes);
    made.kind = "byte-level-bpe";
    ASSIGN_OR_RETURN(made.model, ByteBpe::FromJson(json, table));
  } else {
    made.kind = "bpe";
    ASSIGN_OR_RETURN(made.model, CharBpe::FromJson(json, table));
  }
  return made;
}

absl::StatusOr<MadeModel> MakeModel(const JsonValue& json,
                                    const TokenTable& table,
                                    PreTokenizer& pre_tokenizer) {
  ASSIGN_OR_RETURN(std::string_view type, ModelType(json));
  MadeModel made;
  if (type == "BPE") return MakeBpe(json, table, pre_tokenizer);
  if (type == "Unigram") {
    made.kind = "unigram";
    ASSIGN_OR_RETURN(made.model, Unigram::FromJson(json, table));
  } else if (type == "SentencePieceBPE") {
    made.kind = "sentencepiece-bpe";
    ASSIGN_OR_RETURN(made.model, MakeSentencePieceBpe(json, table));
  } else if (type == "WordPiece") {
    made.kind = "wordpiece";
    ASSIGN_OR_RETURN(made.model, MakeWordPiece(json, table));
  } else if (type == "WordLevel") {
    made.kind = "wordlevel";
    ASSIGN_OR_RETURN(made.model, MakeWordLevel(json, table));
  } else {
    return absl::UnimplementedError(absl::StrCat(
        "tokenizer.json: model: ", absl::string_view(type.data(), type.size()),
        " is not supported"));
  }
  return made;
}

// The added tokens with one value of `normalized`; those sought in normalised
// text are normalised themselves.
absl::StatusOr<AddedTokens> Select(const TokenTable& table, bool normalized,
                                   const Normalizer* normalizer) {
  std::vector<AddedToken> chosen;
  for (const AddedToken& token : table.added) {
    if (token.normalized != normalized) continue;
    chosen.push_back(token);
    if (!normalized || normalizer == nullptr) continue;
    ASSIGN_OR_RETURN(chosen.back().content,
                     NormalizeCopy(*normalizer, token.content));
  }
  return AddedTokens(chosen);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::FromJson(
    const JsonValue& root) {
  ASSIGN_OR_RETURN(JsonValue model_json, root.Get("model"));
  ASSIGN_OR_RETURN(TokenTable table, ReadTokenTable(root));
  ASSIGN_OR_RETURN(std::unique_ptr<Normalizer> normalizer,
                   MakeNormalizer(root.Find("normalizer")));
  ASSIGN_OR_RETURN(PreTokenizer pre_tokenizer,
                   PreTokenizer::FromJson(root.Find("pre_tokenizer")));
  ASSIGN_OR_RETURN(MadeModel made, MakeModel(model_json, table, pre_tokenizer));
  ASSIGN_OR_RETURN(PostProcessor post_processor,
                   PostProcessor::FromJson(root.Find("post_processor"), table));
  ASSIGN_OR_RETURN(Vocabulary vocabulary, MakeVocabulary(root, table));
  ASSIGN_OR_RETURN(AddedTokens raw, Select(table, false, nullptr));
  ASSIGN_OR_RETURN(AddedTokens normalized,
                   Select(table, true, normalizer.get()));
  return std::make_unique<Pipeline>(
      PipelineParts{.raw = std::move(raw),
                    .normalizer = std::move(normalizer),
                    .normalized = std::move(normalized),
                    .pre_tokenizer = std::move(pre_tokenizer),
                    .model = std::move(made.model),
                    .post_processor = std::move(post_processor),
                    .vocabulary = std::move(vocabulary),
                    .kind = std::move(made.kind)});
}

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::FromDirectory(
    const std::string& directory) {
  ASSIGN_OR_RETURN(JsonDocument document, ReadTokenizerJson(directory));
  return FromJson(document.root());
}

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::FromFile(
    const std::string& path) {
  ASSIGN_OR_RETURN(JsonDocument document, ReadTokenizerFile(path));
  return FromJson(document.root());
}

}  // namespace sluice::tokenizer
