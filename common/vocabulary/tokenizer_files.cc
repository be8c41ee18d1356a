#include "common/vocabulary/tokenizer_files.h"

#include <filesystem>
#include <optional>

#include "absl/status/status.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/directory.h"
#include "common/modelfiles/gguf.h"
#include "common/modelfiles/sentencepiece.h"
#include "common/vocabulary/gguf_tokenizer.h"
#include "common/vocabulary/merges_file.h"
#include "common/vocabulary/sentencepiece_tokenizer.h"

namespace sluice {
namespace {

constexpr size_t kMaxFileBytes = size_t{256} << 20;

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

absl::StatusOr<JsonDocument> ReadSentencePiece(
    const std::string& path, const std::optional<JsonValue>& config) {
  ASSIGN_OR_RETURN(std::string bytes, ReadWholeFile(path, kMaxFileBytes));
  ASSIGN_OR_RETURN(SentencePieceModel model,
                   ParseSentencePiece(bytes, FileName(path)));
  return TokenizerOfSentencePiece(model, FileName(path), config);
}

absl::StatusOr<JsonDocument> ReadSentencePieceDirectory(
    const std::string& directory) {
  const std::string model = directory + "/tokenizer.model";
  const std::string config_path = directory + "/tokenizer_config.json";
  if (!Exists(config_path)) return ReadSentencePiece(model, std::nullopt);
  ASSIGN_OR_RETURN(JsonDocument config,
                   JsonDocument::ReadFile(config_path, JsonLimits{}));
  return ReadSentencePiece(model, config.root());
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
    if (Exists(directory + "/tokenizer.model")) {
      return ReadSentencePieceDirectory(directory);
    }
    if (Exists(directory + "/merges.txt")) return ReadMergesFiles(directory);
  }
  return ReadTokenizerFile(Exists(json) ? json : OnlyGguf(directory, json));
}

absl::StatusOr<JsonDocument> ReadTokenizerFile(const std::string& path) {
  if (path.ends_with(".model")) {
    return ReadSentencePiece(path, std::nullopt);
  }
  if (path.ends_with(".gguf")) {
    ASSIGN_OR_RETURN(GgufFile file, GgufFile::ReadHeader(path));
    return TokenizerOfGguf(file);
  }
  return JsonDocument::ReadFile(path, JsonLimits{});
}

}  // namespace sluice
