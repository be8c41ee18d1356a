#include "services/tokenizer/chat/template_files.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/directory.h"
#include "common/modelfiles/gguf.h"
#include "common/modelfiles/json.h"

namespace sluice::tokenizer {
namespace {

constexpr char kTemplateFile[] = "chat_template.jinja";
constexpr char kConfigFile[] = "tokenizer_config.json";
constexpr char kAdditional[] = "additional_chat_templates";
constexpr size_t kMaxAdditional = 64;
// Of processors of several kinds of input; it holds nothing but the template.
constexpr char kProcessorFile[] = "chat_template.json";
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

absl::Status ReadTemplates(const JsonValue& root, const std::string& file,
                           TemplateFiles& files) {
  const std::optional<JsonValue> value = root.Find("chat_template");
  if (!value.has_value()) return absl::OkStatus();
  files.source = file;
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

bool Knows(const TemplateFiles& files, std::string_view token) {
  return std::any_of(files.special_tokens.begin(), files.special_tokens.end(),
                     [&](const auto& known) { return known.first == token; });
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
    if (Knows(files, key)) return absl::OkStatus();
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

// The GGUF file of the directory when there is exactly one, else nothing.
std::string OnlyGguf(const std::string& directory) {
  std::error_code error;
  std::string found;
  for (const auto& entry :
       std::filesystem::directory_iterator(directory, error)) {
    if (entry.path().extension() != ".gguf") continue;
    if (!found.empty()) return "";
    found = entry.path().string();
  }
  return found;
}

// Named templates stand beside the nameless one, their names in a list.
absl::Status ReadGgufTemplates(const GgufFile& gguf, TemplateFiles& files) {
  const std::string key = "tokenizer.chat_template";
  if (gguf.Find(key) != nullptr) {
    ASSIGN_OR_RETURN(std::string text, gguf.GetString(key));
    files.templates.emplace_back("default", std::move(text));
  }
  if (gguf.Find("tokenizer.chat_templates") == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   gguf.GetStrings("tokenizer.chat_templates"));
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(std::string text, gguf.GetString(key + "." + name));
    files.templates.emplace_back(name, std::move(text));
  }
  return absl::OkStatus();
}

absl::Status ReadGgufTokens(const GgufFile& gguf, TemplateFiles& files) {
  if (gguf.Find("tokenizer.ggml.tokens") == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<std::string> tokens,
                   gguf.GetStrings("tokenizer.ggml.tokens"));
  for (const auto& [name, variable] :
       {std::pair("bos", "bos_token"), std::pair("eos", "eos_token"),
        std::pair("unknown", "unk_token"), std::pair("padding", "pad_token")}) {
    const std::string key = absl::StrCat("tokenizer.ggml.", name, "_token_id");
    if (gguf.Find(key) == nullptr || Knows(files, variable)) continue;
    ASSIGN_OR_RETURN(const int64_t id, gguf.GetInt(key));
    if (id < 0 || id >= static_cast<int64_t>(tokens.size())) {
      return absl::InvalidArgumentError(
          absl::StrCat(files.source, ": ", key, ": not in the vocabulary, got ",
                       id, ", limit ", tokens.size()));
    }
    files.special_tokens.emplace_back(variable, tokens[id]);
  }
  return absl::OkStatus();
}

absl::Status ReadGguf(const std::string& path, TemplateFiles& files) {
  ASSIGN_OR_RETURN(const GgufFile gguf, GgufFile::ReadHeader(path));
  files.source = FileName(path);
  RETURN_IF_ERROR(ReadGgufTemplates(gguf, files));
  return ReadGgufTokens(gguf, files);
}

// The files that hold templates as members of JSON, the first one that has any.
absl::Status ReadJsonFiles(const std::string& directory, size_t limit,
                           TemplateFiles& files) {
  ASSIGN_OR_RETURN(const std::optional<JsonDocument> config,
                   ReadIfThere(directory + "/" + kConfigFile, limit));
  if (config.has_value()) {
    RETURN_IF_ERROR(ReadTemplates(config->root(), kConfigFile, files));
    RETURN_IF_ERROR(ReadSpecialTokens(config->root(), files));
  }
  ASSIGN_OR_RETURN(const std::optional<JsonDocument> tokens,
                   ReadIfThere(directory + "/" + kTokensFile, limit));
  if (tokens.has_value()) {
    RETURN_IF_ERROR(ReadSpecialTokens(tokens->root(), files));
  }
  if (!files.templates.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::optional<JsonDocument> processor,
                   ReadIfThere(directory + "/" + kProcessorFile, limit));
  if (!processor.has_value()) return absl::OkStatus();
  return ReadTemplates(processor->root(), kProcessorFile, files);
}

void SetTemplate(std::string name, std::string source, TemplateFiles& files) {
  for (auto& [known, text] : files.templates) {
    if (known == name) {
      text = std::move(source);
      return;
    }
  }
  files.templates.emplace_back(std::move(name), std::move(source));
}

// A template a file, each named as its file.
absl::Status ReadAdditional(const std::string& directory, size_t limit,
                            TemplateFiles& files) {
  std::error_code error;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry :
       std::filesystem::directory_iterator(directory, error)) {
    if (entry.path().extension() == ".jinja") paths.push_back(entry.path());
    if (paths.size() > kMaxAdditional) {
      return FieldError(kAdditional, "too many templates", "more",
                        absl::StrCat(kMaxAdditional));
    }
  }
  std::sort(paths.begin(), paths.end());
  for (const std::filesystem::path& path : paths) {
    ASSIGN_OR_RETURN(std::string source, ReadWholeFile(path.string(), limit));
    SetTemplate(path.stem().string(), std::move(source), files);
  }
  if (files.source.empty() && !paths.empty()) files.source = kAdditional;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TemplateFiles> ReadTemplateFiles(const std::string& directory,
                                                int64_t max_file_bytes) {
  TemplateFiles files;
  const auto limit = static_cast<size_t>(max_file_bytes);
  RETURN_IF_ERROR(ReadJsonFiles(directory, limit, files));
  absl::StatusOr<std::string> source =
      ReadWholeFile(directory + "/" + kTemplateFile, limit);
  if (source.ok()) {
    files.source = kTemplateFile;
    files.templates = {{"default", *std::move(source)}};
  } else if (!absl::IsNotFound(source.status())) {
    return source.status();
  }
  RETURN_IF_ERROR(ReadAdditional(directory + "/" + kAdditional, limit, files));
  if (!files.templates.empty()) return files;
  const std::string gguf = OnlyGguf(directory);
  if (!gguf.empty()) RETURN_IF_ERROR(ReadGguf(gguf, files));
  return files;
}

}  // namespace sluice::tokenizer
