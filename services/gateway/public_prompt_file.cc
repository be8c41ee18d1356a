#include "services/gateway/public_prompt_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"

namespace sluice::gateway {
namespace {

constexpr int64_t kMaxFileBytes = 8 << 20;
constexpr size_t kMaxPrompts = 64;
constexpr size_t kMaxPromptBytes = 64 << 10;

absl::StatusOr<std::string> ParsePrompt(const std::string& place,
                                        const std::string& line) {
  const auto json = nlohmann::json::parse(line, nullptr,
                                          /*allow_exceptions=*/false);
  if (!json.is_string()) {
    return FieldError(place, "is no JSON string", "", "\"...\"");
  }
  const auto& prompt = json.get_ref<const std::string&>();
  if (prompt.empty() || prompt.size() > kMaxPromptBytes) {
    return FieldError(place, "bad length",
                      absl::StrCat(prompt.size(), " bytes"),
                      absl::StrCat("1 to ", kMaxPromptBytes));
  }
  if (InvalidUtf8Offset(prompt).has_value()) {
    return FieldError(place, "is not valid UTF-8");
  }
  return prompt;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ReadPublicPrompts(
    const std::string& path) {
  std::vector<std::string> prompts;
  if (path.empty()) return prompts;
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxFileBytes));
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string place = absl::StrCat(path, ":", number);
    ASSIGN_OR_RETURN(std::string prompt, ParsePrompt(place, line));
    if (std::find(prompts.begin(), prompts.end(), prompt) != prompts.end()) {
      return FieldError(place, "is a prompt given before");
    }
    prompts.push_back(std::move(prompt));
    if (prompts.size() > kMaxPrompts) {
      return FieldError(place, "too many prompts", "",
                        absl::StrCat(kMaxPrompts));
    }
  }
  return prompts;
}

}  // namespace sluice::gateway
