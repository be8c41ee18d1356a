#include "common/vocabulary/tokenizer_files.h"

#include <filesystem>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/json_quote.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/directory.h"
#include "common/modelfiles/gguf.h"
#include "common/modelfiles/sentencepiece.h"
#include "common/vocabulary/gguf_tokenizer.h"
#include "common/vocabulary/merges_file.h"

namespace sluice {
namespace {

constexpr size_t kMaxFileBytes = size_t{256} << 20;

std::string_view Bool(bool value) { return value ? "true" : "false"; }

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

void AppendModel(const SentencePieceModel& model, std::string& out) {
  const bool bpe = model.algorithm == SentencePieceAlgorithm::kBpe;
  absl::StrAppend(&out, ",\"model\":{\"type\":\"",
                  bpe ? "SentencePieceBPE" : "Unigram",
                  "\",\"unknown_surface\":", JsonQuote(model.unknown_surface));
  AppendMember("byte_fallback", model.byte_fallback, out);
  std::string kinds;
  out += ",\"vocab\":[";
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    const SentencePiece& piece = model.pieces[id];
    kinds.push_back(static_cast<char>('0' + static_cast<int>(piece.kind)));
    out += id == 0 ? "[" : ",[";
    AppendJsonQuoted(piece.text, out);
    absl::StrAppend(&out, ",", piece.score, "]");
  }
  absl::StrAppend(&out, "],\"kinds\":\"", kinds, "\"");
  const size_t unknown = kinds.find(
      static_cast<char>('0' + static_cast<int>(PieceKind::kUnknown)));
  if (unknown != std::string::npos) {
    absl::StrAppend(&out, ",\"unk_id\":", unknown);
  }
  out += "}";
}

std::string JsonOf(const SentencePieceModel& model) {
  std::string out = "{";
  AppendNormalizer(model, out);
  AppendModel(model, out);
  out += R"(,"decoder":{"type":"Sequence","decoders":[{"type":"Replace",)"
         R"("pattern":{"String":"\u2581"},"content":" "},)"
         R"({"type":"ByteFallback"},{"type":"Fuse"})";
  if (model.add_dummy_prefix && !model.space_as_suffix) {
    out += R"(,{"type":"Strip","content":" ","start":1,"stop":0})";
  }
  return out + "]}}";
}

absl::StatusOr<JsonDocument> ReadSentencePiece(const std::string& path) {
  ASSIGN_OR_RETURN(std::string bytes, ReadWholeFile(path, kMaxFileBytes));
  ASSIGN_OR_RETURN(SentencePieceModel model,
                   ParseSentencePiece(bytes, FileName(path)));
  return JsonDocument::Parse(JsonOf(model), FileName(path), JsonLimits{});
}

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

// The GGUF file of the directory when there is exactly one.
std::string OnlyGguf(const std::string& directory, std::string otherwise) {
  std::error_code error;
  std::string found;
  for (const auto& entry :
       std::filesystem::directory_iterator(directory, error)) {
    if (entry.path().extension() != ".gguf") continue;
    if (!found.empty()) return otherwise;
    found = entry.path().string();
  }
  return found.empty() ? otherwise : found;
}

}  // namespace

absl::StatusOr<JsonDocument> ReadTokenizerJson(const std::string& directory) {
  const std::string json = directory + "/tokenizer.json";
  if (!Exists(json)) {
    const std::string model = directory + "/tokenizer.model";
    if (Exists(model)) return ReadSentencePiece(model);
    if (Exists(directory + "/merges.txt")) return ReadMergesFiles(directory);
  }
  return ReadTokenizerFile(Exists(json) ? json : OnlyGguf(directory, json));
}

absl::StatusOr<JsonDocument> ReadTokenizerFile(const std::string& path) {
  if (path.ends_with(".model")) return ReadSentencePiece(path);
  if (path.ends_with(".gguf")) {
    ASSIGN_OR_RETURN(GgufFile file, GgufFile::ReadHeader(path));
    return TokenizerOfGguf(file);
  }
  return JsonDocument::ReadFile(path, JsonLimits{});
}

}  // namespace sluice
