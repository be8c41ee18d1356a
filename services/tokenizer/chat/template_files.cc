#include "services/tokenizer/chat/template_files.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/directory.h"
#include "common/modelfiles/json.h"

namespace sluice::tokenizer {
namespace {

constexpr char kTemplateFile[] = "chat_template.jinja";
constexpr char kConfigFile[] = "tokenizer_config.json";
// Where older models keep their special tokens.
constexpr char kTokensFile[] = "special_tokens_map.json";

// A token is a string, or an object with its content.
absl::StatusOr<std::string> TokenText(const JsonValue& value) {
  if (value.IsObject()) {
    ASSIGN_OR_RETURN(const std::string_view text, value.GetString("content"));
    return std::string(text);
  }
  ASSIGN_OR_RETURN(const std::string_view text, value.AsString());
  return std::string(text);
}

absl::Status ReadTemplates(const JsonValue& root, TemplateFiles& files) {
  const std::optional<JsonValue> value = root.Find("chat_template");
  if (!value.has_value()) return absl::OkStatus();
  files.source = kConfigFile;
  if (value->IsString()) {
    ASSIGN_OR_RETURN(const std::string_view text, value->AsString());
    files.templates.emplace_back("default", text);
    return absl::OkStatus();
  }
  return value->ForEachElement([&files](const JsonValue& entry) {
    ASSIGN_OR_RETURN(const std::string_view name, entry.GetString("name"));
    ASSIGN_OR_RETURN(const std::string_view text, entry.GetString("template"));
    files.templates.emplace_back(name, text);
    return absl::OkStatus();
  });
}

absl::Status ReadSpecialTokens(const JsonValue& root, TemplateFiles& files) {
  return root.ForEachMember([&files](std::string_view key,
                                     const JsonValue& value) -> absl::Status {
    if (key == "additional_special_tokens" && value.IsArray() &&
        files.additional_special_tokens.empty()) {
      return value.ForEachElement([&files](const JsonValue& entry) {
        ASSIGN_OR_RETURN(std::string text, TokenText(entry));
        files.additional_special_tokens.push_back(std::move(text));
        return absl::OkStatus();
      });
    }
    if (!key.ends_with("_token") || (!value.IsString() && !value.IsObject())) {
      return absl::OkStatus();
    }
    for (const auto& known : files.special_tokens) {
      if (known.first == key) return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(std::string text, TokenText(value));
    files.special_tokens.emplace_back(key, std::move(text));
    return absl::OkStatus();
  });
}

// Nothing when there is no such file.
absl::StatusOr<std::optional<JsonDocument>> ReadIfThere(const std::string& path,
                                                        size_t max_bytes) {
  absl::StatusOr<JsonDocument> document =
      JsonDocument::ReadFile(path, {.max_bytes = max_bytes});
  if (absl::IsNotFound(document.status())) return std::nullopt;
  RETURN_IF_ERROR(document.status());
  return std::optional<JsonDocument>(*std::move(document));
}

}  // namespace

absl::StatusOr<TemplateFiles> ReadTemplateFiles(const std::string& directory,
                                                int64_t max_file_bytes) {
  TemplateFiles files;
  const auto limit = static_cast<size_t>(max_file_bytes);
  ASSIGN_OR_RETURN(const std::optional<JsonDocument> config,
                   ReadIfThere(directory + "/" + kConfigFile, limit));
  if (config.has_value()) {
    RETURN_IF_ERROR(ReadTemplates(config->root(), files));
    RETURN_IF_ERROR(ReadSpecialTokens(config->root(), files));
  }
  ASSIGN_OR_RETURN(const std::optional<JsonDocument> tokens,
                   ReadIfThere(directory + "/" + kTokensFile, limit));
  if (tokens.has_value()) {
    RETURN_IF_ERROR(ReadSpecialTokens(tokens->root(), files));
  }
  absl::StatusOr<std::string> source =
      ReadWholeFile(directory + "/" + kTemplateFile, limit);
  if (source.ok()) {
    files.source = kTemplateFile;
    files.templates = {{"default", *std::move(source)}};
  } else if (!absl::IsNotFound(source.status())) {
    return source.status();
  }
  return files;
}

}  // namespace sluice::tokenizer
