#include "common/vocabulary/sentencepiece_tokenizer.h"

#include <cstddef>
#include <iterator>
#include <string_view>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/json_quote.h"
#include "common/base/status_macros.h"
#include "common/vocabulary/added_tokens_config.h"
#include "common/vocabulary/template_json.h"

namespace sluice {
namespace {

// What ChatGLM's own tokenizer puts behind the pieces of its model.
constexpr std::string_view kChatGlmTokens[] = {
    "[MASK]",   "[gMASK]",       "[sMASK]",        "sop", "eop", "<|system|>",
    "<|user|>", "<|assistant|>", "<|observation|>"};

std::string_view Bool(bool value) { return value ? "true" : "false"; }

constexpr int kEverySpace = 1 << 16;

void AppendMember(std::string_view name, bool value, std::string& out) {
  out.append(",\"").append(name).append("\":").append(Bool(value));
}

void AppendNormalizer(const SentencePieceModel& model, std::string& out) {
  absl::StrAppend(&out, R"("normalizer":{"type":"SentencePiece","charsmap":")",
                  absl::Base64Escape(model.charsmap), "\"");
  AppendMember("add_dummy_prefix", model.add_dummy_prefix, out);
  AppendMember("remove_extra_whitespaces", model.remove_extra_whitespaces, out);
  AppendMember("escape_whitespaces", model.escape_whitespaces, out);
  AppendMember("space_as_suffix", model.space_as_suffix, out);
  out += ",\"user_defined\":[";
  bool first = true;
  for (const SentencePiece& piece : model.pieces) {
    if (piece.kind != PieceKind::kUserDefined) continue;
    if (!first) out += ",";
    first = false;
    AppendJsonQuoted(piece.text, out);
  }
  out += "]}";
}

// The pieces and, behind them, control pieces of the names in `more`.
void AppendModel(const SentencePieceModel& model,
                 const std::vector<std::string>& more, std::string& out) {
  const bool bpe = model.algorithm == SentencePieceAlgorithm::kBpe;
  absl::StrAppend(&out, ",\"model\":{\"type\":\"",
                  bpe ? "SentencePieceBPE" : "Unigram",
                  "\",\"unknown_surface\":", JsonQuote(model.unknown_surface));
  AppendMember("byte_fallback", model.byte_fallback, out);
  std::string kinds;
  const auto add = [&](std::string_view text, float score, PieceKind kind) {
    out += kinds.empty() ? "[" : ",[";
    kinds.push_back(static_cast<char>('0' + static_cast<int>(kind)));
    AppendJsonQuoted(text, out);
    absl::StrAppend(&out, ",", score, "]");
  };
  out += ",\"vocab\":[";
  for (const SentencePiece& piece : model.pieces) {
    add(piece.text, piece.score, piece.kind);
  }
  for (const std::string& name : more) add(name, 0, PieceKind::kControl);
  absl::StrAppend(&out, "],\"kinds\":\"", kinds, "\"");
  const size_t unknown = kinds.find(
      static_cast<char>('0' + static_cast<int>(PieceKind::kUnknown)));
  if (unknown != std::string::npos) {
    absl::StrAppend(&out, ",\"unk_id\":", unknown);
  }
  out += "}";
}

void AppendDecoder(const SentencePieceModel& model, std::string& out) {
  out += R"(,"decoder":{"type":"Sequence","decoders":[{"type":"Replace",)"
         R"("pattern":{"String":"\u2581"},"content":" "},)"
         R"({"type":"ByteFallback"},{"type":"Fuse"})";
  // One space in front is the model's own; with the other rule none is the
  // text's.
  const int strip = model.remove_extra_whitespaces ? kEverySpace
                    : model.add_dummy_prefix       ? 1
                                                   : 0;
  if (strip > 0) {
    absl::StrAppend(&out, R"(,{"type":"Strip","content":" ","stop":0,"start":)",
                    strip, "}");
  }
  out += "]}";
}

std::optional<size_t> IdOf(const SentencePieceModel& model,
                           std::string_view text) {
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    if (model.pieces[id].text == text) return id;
  }
  return std::nullopt;
}

// A special token of the configuration: its text, or an object with that.
absl::StatusOr<std::string_view> TokenText(const JsonValue& config,
                                           std::string_view key,
                                           std::string_view otherwise) {
  std::optional<JsonValue> value = config.Find(key);
  if (value.has_value() && value->IsObject()) {
    return value->GetString("content");
  }
  return config.GetStringOr(key, otherwise);
}

// "[gMASK] sop", whatever the configuration says.
void AppendChatGlm(const SentencePieceModel& model, std::string& out) {
  const size_t mask = model.pieces.size() + 1;
  const size_t start = model.pieces.size() + 3;
  TemplateParts pair = {mask, start, 'A', 'B'};
  if (auto end = IdOf(model, "</s>"); end.has_value()) pair.push_back(*end);
  out.append(",").append(TemplateJson({mask, start, 'A'}, pair));
}

// Each text between the tokens that the configuration asks for.
absl::Status AppendBosAndEos(const SentencePieceModel& model,
                             const JsonValue& config, bool bos_by_default,
                             std::string& out) {
  TemplateParts before;
  TemplateParts after;
  const auto add = [&](std::string_view which, bool otherwise,
                       std::string_view spelled,
                       TemplateParts& parts) -> absl::Status {
    ASSIGN_OR_RETURN(
        bool wanted,
        config.GetBoolOr("add_" + std::string(which) + "_token", otherwise));
    if (!wanted) return absl::OkStatus();
    const std::string key = std::string(which) + "_token";
    ASSIGN_OR_RETURN(std::string_view text, TokenText(config, key, spelled));
    std::optional<size_t> id = IdOf(model, text);
    if (!id.has_value()) {
      return config.Error(key + " is no piece of the model");
    }
    parts.push_back(*id);
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(add("bos", bos_by_default, "<s>", before));
  RETURN_IF_ERROR(add("eos", false, "</s>", after));
  if (before.empty() && after.empty()) return absl::OkStatus();
  const auto around = [&](char text) {
    TemplateParts parts = before;
    parts.push_back(text);
    parts.insert(parts.end(), after.begin(), after.end());
    return parts;
  };
  const TemplateParts single = around('A');
  TemplateParts pair = single;
  for (const auto& part : around('B')) pair.push_back(part);
  out.append(",").append(TemplateJson(single, pair));
  return absl::OkStatus();
}

// What a configuration adds; the names of further control pieces go to `more`.
absl::Status AppendConfigured(const SentencePieceModel& model,
                              const JsonValue& config,
                              std::vector<std::string>& more,
                              std::string& out) {
  ASSIGN_OR_RETURN(std::string_view name,
                   config.GetStringOr("tokenizer_class", ""));
  if (name == "ChatGLMTokenizer") {
    more.assign(std::begin(kChatGlmTokens), std::end(kChatGlmTokens));
    AppendChatGlm(model, out);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(std::string added, AddedTokensOfConfig(config));
  out.append(",\"added_tokens\":").append(added);
  const bool llama = name == "LlamaTokenizer" || name == "LlamaTokenizerFast";
  return AppendBosAndEos(model, config, llama, out);
}

}  // namespace

absl::StatusOr<JsonDocument> TokenizerOfSentencePiece(
    const SentencePieceModel& model, const std::string& name,
    const std::optional<JsonValue>& config) {
  std::string out = "{";
  AppendNormalizer(model, out);
  std::vector<std::string> more;
  if (config.has_value()) {
    RETURN_IF_ERROR(AppendConfigured(model, *config, more, out));
  }
  AppendModel(model, more, out);
  AppendDecoder(model, out);
  return JsonDocument::Parse(out + "}", name, JsonLimits{});
}

}  // namespace sluice
