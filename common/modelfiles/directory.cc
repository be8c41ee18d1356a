#include "common/modelfiles/directory.h"

#include <algorithm>
#include <optional>

#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/json.h"

namespace sluice {
namespace {

constexpr int64_t kMaxTokenId = (int64_t{1} << 24) - 1;

// ChatGLM2 and ChatGLM3; their later namesakes have other vocabularies.
constexpr int64_t kChatGlmVocabulary = 65024;

// ChatGLM3 ends its turn by opening the next one; its files do not say so.
// Source: the stops of its own chat demo, <|user|> and <|observation|>.
absl::Status AddTurnIds(const JsonValue& config, std::vector<int32_t>& ids) {
  ASSIGN_OR_RETURN(const std::string_view type,
                   config.GetStringOr("model_type", ""));
  if (type != "chatglm") return absl::OkStatus();
  ASSIGN_OR_RETURN(const int64_t vocabulary,
                   config.GetIntOr("padded_vocab_size", 0, 0, kMaxTokenId));
  if (vocabulary == kChatGlmVocabulary) ids.insert(ids.end(), {64795, 64797});
  return absl::OkStatus();
}

absl::Status AddEosIds(const std::string& path, std::vector<int32_t>& ids) {
  absl::StatusOr<JsonDocument> document =
      JsonDocument::ReadFile(path, JsonLimits{.max_bytes = 16 << 20});
  if (absl::IsNotFound(document.status())) return absl::OkStatus();
  RETURN_IF_ERROR(document.status());
  RETURN_IF_ERROR(AddTurnIds(document->root(), ids));
  std::optional<JsonValue> eos = document->root().Find("eos_token_id");
  if (!eos.has_value()) return absl::OkStatus();
  if (!eos->IsArray()) {
    ASSIGN_OR_RETURN(int64_t id, eos->AsInt(0, kMaxTokenId));
    ids.push_back(static_cast<int32_t>(id));
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(std::vector<int64_t> several, eos->AsInts(0, kMaxTokenId));
  ids.insert(ids.end(), several.begin(), several.end());
  return absl::OkStatus();
}

}  // namespace

std::string FileName(const std::string& path) {
  return path.substr(path.find_last_of('/') + 1);
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path,
                                          size_t max_bytes) {
  return ReadFile(path, static_cast<int64_t>(max_bytes));
}

absl::StatusOr<std::vector<int32_t>> ReadEosIds(const std::string& directory) {
  std::vector<int32_t> ids;
  RETURN_IF_ERROR(AddEosIds(directory + "/config.json", ids));
  RETURN_IF_ERROR(AddEosIds(directory + "/generation_config.json", ids));
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

}  // namespace sluice
