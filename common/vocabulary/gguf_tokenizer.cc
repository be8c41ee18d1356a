#include "common/vocabulary/gguf_tokenizer.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/json_quote.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"
#include "common/modelfiles/sentencepiece.h"
#include "common/vocabulary/merges_file.h"
#include "common/vocabulary/template_json.h"

namespace sluice {
namespace {

constexpr std::string_view kName = "tokenizer of a GGUF file";

// Names that the files give to rules, and ours.
struct RulesName {
  std::string_view pre;
  std::string_view family;
};
constexpr RulesName kRules[] = {
    {"gpt-2", "gpt2"},
    {"default", "gpt2"},
    {"qwen2", "qwen2"},
    {"deepseek-r1-qwen", "qwen2"},
    {"llama-bpe", "llama3"},
    {"llama3", "llama3"},
    {"llama-v3", "llama3"},
    {"falcon", "falcon"},
    {"deepseek-llm", "deepseek-llm"},
    {"deepseek-coder", "deepseek-coder"},
    {"deepseek-v3", "deepseek-v3"},
    {"youtu", "youtu"},
};

absl::Status Error(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(absl::string_view(kName.data(), kName.size()), ": ", what));
}

// The tokens of a file. Threads: one.
struct Tokens {
  std::vector<std::string> texts;
  std::vector<int64_t> kinds;  // as PieceKind, one a token

  bool IsSought(size_t id) const {
    const auto kind = static_cast<PieceKind>(kinds[id]);
    return kind == PieceKind::kControl || kind == PieceKind::kUserDefined;
  }
};

absl::StatusOr<Tokens> ReadTokens(const GgufFile& file) {
  Tokens tokens;
  ASSIGN_OR_RETURN(tokens.texts, file.GetStrings("tokenizer.ggml.tokens"));
  tokens.kinds.assign(tokens.texts.size(), 1);
  if (const GgufValue* kinds = file.Find("tokenizer.ggml.token_type")) {
    const auto* list = std::get_if<std::vector<int64_t>>(kinds);
    if (list == nullptr || list->size() != tokens.texts.size()) {
      return Error("tokenizer.ggml.token_type: not one number a token");
    }
    tokens.kinds = *list;
  }
  for (size_t id = 0; id < tokens.texts.size(); ++id) {
    if (!IsValidUtf8(tokens.texts[id])) {
      return Error(absl::StrCat("token ", id, " is not UTF-8"));
    }
    if (tokens.kinds[id] < 1 || tokens.kinds[id] > 6) {
      return Error(
          absl::StrCat("token ", id, ": unknown type, got ", tokens.kinds[id]));
    }
  }
  return tokens;
}

std::string AddedTokens(const Tokens& tokens) {
  std::string out = "\"added_tokens\":[";
  bool first = true;
  for (size_t id = 0; id < tokens.texts.size(); ++id) {
    if (!tokens.IsSought(id) || tokens.texts[id].empty()) continue;
    const bool special =
        static_cast<PieceKind>(tokens.kinds[id]) == PieceKind::kControl;
    absl::StrAppend(&out, first ? "" : ",", "{\"id\":", id,
                    ",\"normalized\":false,\"special\":",
                    special ? "true" : "false", ",\"content\":");
    AppendJsonQuoted(tokens.texts[id], out);
    out += "}";
    first = false;
  }
  return out + "]";
}

// What add_bos_token and add_eos_token ask for.
absl::StatusOr<std::string> PostProcessor(const GgufFile& file,
                                          const Tokens& tokens,
                                          bool bos_by_default) {
  TemplateParts before;
  TemplateParts after;
  const auto add = [&](const std::string& which, bool otherwise,
                       TemplateParts& parts) -> absl::Status {
    ASSIGN_OR_RETURN(
        bool wanted,
        file.GetBoolOr("tokenizer.ggml.add_" + which + "_token", otherwise));
    if (!wanted) return absl::OkStatus();
    const std::string key = "tokenizer.ggml." + which + "_token_id";
    ASSIGN_OR_RETURN(int64_t id, file.GetInt(key));
    if (id < 0 || id >= static_cast<int64_t>(tokens.texts.size())) {
      return Error(absl::StrCat(key, ": out of range, got ", id));
    }
    parts.push_back(static_cast<size_t>(id));
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(add("bos", bos_by_default, before));
  RETURN_IF_ERROR(add("eos", false, after));
  TemplateParts single = before;
  single.push_back('A');
  single.insert(single.end(), after.begin(), after.end());
  TemplateParts pair = single;
  pair.insert(pair.end(), before.begin(), before.end());
  pair.push_back('B');
  pair.insert(pair.end(), after.begin(), after.end());
  return TemplateJson(single, pair);
}

absl::StatusOr<std::string_view> RulesOf(const GgufFile& file) {
  std::string pre = "default";
  if (file.Find("tokenizer.ggml.pre") != nullptr) {
    ASSIGN_OR_RETURN(pre, file.GetString("tokenizer.ggml.pre"));
  }
  for (const RulesName& known : kRules) {
    if (known.pre == pre) return ByteLevelRules(known.family);
  }
  return absl::UnimplementedError(
      absl::StrCat("tokenizer of a GGUF file: tokenizer.ggml.pre: \"",
                   pre.substr(0, 80), "\" is not known"));
}

absl::StatusOr<std::string> ByteLevelDocument(const GgufFile& file,
                                              const Tokens& tokens) {
  ASSIGN_OR_RETURN(std::string_view rules, RulesOf(file));
  ASSIGN_OR_RETURN(std::vector<std::string> merges,
                   file.GetStrings("tokenizer.ggml.merges"));
  ASSIGN_OR_RETURN(std::string post, PostProcessor(file, tokens, false));
  std::string out = absl::StrCat(
      "{", AddedTokens(tokens), ",", post, ",",
      absl::string_view(rules.data(), rules.size()),
      R"(,"decoder":{"type":"ByteLevel"},"model":{"type":"BPE","vocab":{)");
  for (size_t id = 0; id < tokens.texts.size(); ++id) {
    if (id > 0) out += ",";
    AppendJsonQuoted(tokens.texts[id], out);
    absl::StrAppend(&out, ":", id);
  }
  out += "},\"merges\":[";
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    if (!IsValidUtf8(merges[rank])) {
      return Error(absl::StrCat("merge ", rank, " is not UTF-8"));
    }
    if (rank > 0) out += ",";
    AppendJsonQuoted(merges[rank], out);
  }
  return out + "]}}";
}

absl::StatusOr<std::string> SentencePieceDocument(const GgufFile& file,
                                                  const Tokens& tokens) {
  const GgufValue* found = file.Find("tokenizer.ggml.scores");
  const auto* scores =
      found ? std::get_if<std::vector<double>>(found) : nullptr;
  if (scores == nullptr || scores->size() != tokens.texts.size()) {
    return Error("tokenizer.ggml.scores: not one number a token");
  }
  // Baichuan's files do not say that its models have no space in front.
  bool prefix_by_default = true;
  if (file.Find("general.architecture") != nullptr) {
    ASSIGN_OR_RETURN(std::string family,
                     file.GetString("general.architecture"));
    prefix_by_default = family != "baichuan";
  }
  ASSIGN_OR_RETURN(
      bool prefix,
      file.GetBoolOr("tokenizer.ggml.add_space_prefix", prefix_by_default));
  ASSIGN_OR_RETURN(std::string post,
                   PostProcessor(file, tokens, prefix_by_default));
  std::string kinds;
  std::string out = absl::StrCat(
      "{", AddedTokens(tokens), ",", post,
      R"(,"normalizer":{"type":"SentencePiece","charsmap":"",)"
      R"("escape_whitespaces":true,"remove_extra_whitespaces":false,)"
      R"("space_as_suffix":false,"user_defined":[],"add_dummy_prefix":)",
      prefix ? "true" : "false",
      R"(},"model":{"type":"SentencePieceBPE","byte_fallback":true,"vocab":[)");
  for (size_t id = 0; id < tokens.texts.size(); ++id) {
    if (!std::isfinite((*scores)[id])) {
      return Error(absl::StrCat("score ", id, " is not a finite number"));
    }
    out += id == 0 ? "[" : ",[";
    AppendJsonQuoted(tokens.texts[id], out);
    absl::StrAppend(&out, ",", (*scores)[id], "]");
    // User-defined tokens are sought as added ones, before the model.
    const auto kind = static_cast<PieceKind>(tokens.kinds[id]);
    kinds += std::to_string(kind == PieceKind::kUserDefined
                                ? static_cast<int>(PieceKind::kNormal)
                                : static_cast<int>(kind));
  }
  absl::StrAppend(
      &out, "],\"kinds\":\"", kinds,
      R"("},"decoder":{"type":"Sequence","decoders":[{"type":"Replace",)"
      R"("pattern":{"String":"\u2581"},"content":" "},)"
      R"({"type":"ByteFallback"},{"type":"Fuse"})",
      prefix ? R"(,{"type":"Strip","content":" ","start":1,"stop":0})" : "",
      "]}}");
  return out;
}

}  // namespace

absl::StatusOr<JsonDocument> TokenizerOfGguf(const GgufFile& file) {
  ASSIGN_OR_RETURN(std::string model, file.GetString("tokenizer.ggml.model"));
  ASSIGN_OR_RETURN(Tokens tokens, ReadTokens(file));
  std::string json;
  if (model == "gpt2") {
    ASSIGN_OR_RETURN(json, ByteLevelDocument(file, tokens));
  } else if (model == "llama") {
    ASSIGN_OR_RETURN(json, SentencePieceDocument(file, tokens));
  } else {
    return absl::UnimplementedError(
        absl::StrCat("tokenizer of a GGUF file: tokenizer.ggml.model: \"",
                     model.substr(0, 80), "\" is not supported"));
  }
  return JsonDocument::Parse(json, std::string(kName), JsonLimits{});
}

}  // namespace sluice
