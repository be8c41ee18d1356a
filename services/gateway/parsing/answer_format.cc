#include "services/gateway/parsing/answer_format.h"

#include <array>
#include <utility>

#include "common/base/check.h"

namespace sluice::gateway {
namespace {

constexpr std::array<std::pair<AnswerFormat, std::string_view>, 6> kNames = {{
    {AnswerFormat::kPlain, "plain"},
    {AnswerFormat::kHermes, "hermes"},
    {AnswerFormat::kQwen3, "qwen3"},
    {AnswerFormat::kYoutu, "youtu"},
    {AnswerFormat::kLlama3, "llama3"},
    {AnswerFormat::kDeepSeekR1, "deepseek-r1"},
}};

}  // namespace

std::optional<AnswerFormat> AnswerFormatByName(std::string_view name) {
  for (const auto& [format, known] : kNames) {
    if (known == name) return format;
  }
  return std::nullopt;
}

std::string_view AnswerFormatName(AnswerFormat format) {
  for (const auto& [known, name] : kNames) {
    if (known == format) return name;
  }
  SLUICE_CHECK(false, "an answer format without a name");
  return {};
}

std::vector<std::string_view> MarkersOf(AnswerFormat format) {
  switch (format) {
    case AnswerFormat::kPlain:
      return {};
    case AnswerFormat::kHermes:
      return {kCallBegin, kCallEnd};
    case AnswerFormat::kQwen3:
    case AnswerFormat::kYoutu:
      return {kThinkBegin, kThinkEnd, kCallBegin, kCallEnd};
    case AnswerFormat::kLlama3:
      return {kPythonTag};
    case AnswerFormat::kDeepSeekR1:
      return {kThinkBegin,       kThinkEnd,          kDeepSeekCallsBegin,
              kDeepSeekCallsEnd, kDeepSeekCallBegin, kDeepSeekCallEnd,
              kDeepSeekSeparator};
  }
  return {};
}

bool HasReasoning(AnswerFormat format) {
  return format == AnswerFormat::kQwen3 || format == AnswerFormat::kYoutu ||
         format == AnswerFormat::kDeepSeekR1;
}

bool PromptOpensReasoning(std::string_view prompt) {
  const size_t last = prompt.find_last_not_of(" \t\r\n");
  if (last == std::string_view::npos) return false;
  return prompt.substr(0, last + 1).ends_with(kThinkBegin);
}

}  // namespace sluice::gateway
