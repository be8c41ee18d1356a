#pragma once

// How a model family writes reasoning and tool calls into its answer.

#include <optional>
#include <string_view>
#include <vector>

namespace sluice::gateway {

enum class AnswerFormat {
  kPlain,       // all is text
  kHermes,      // Qwen2.5, Hermes: <tool_call>{"name", "arguments"}</tool_call>
  kQwen3,       // the same after <think>...</think>
  kYoutu,       // as Qwen3, without line breaks around the JSON
  kLlama3,      // [<|python_tag|>]{"name", "parameters"}, the whole answer
  kDeepSeekR1,  // <think>, then calls between tool markers, JSON in a fence
};

// Errors: nullopt for a name that is none of "plain", "hermes", "qwen3",
// "youtu", "llama3", "deepseek-r1". Threads: any.
std::optional<AnswerFormat> AnswerFormatByName(std::string_view name);
std::string_view AnswerFormatName(AnswerFormat format);

// What a parser looks for. No marker holds a second '<', so a mismatch can
// start anew only at the byte that mismatched.
inline constexpr std::string_view kThinkBegin = "<think>";
inline constexpr std::string_view kThinkEnd = "</think>";
inline constexpr std::string_view kCallBegin = "<tool_call>";
inline constexpr std::string_view kCallEnd = "</tool_call>";
inline constexpr std::string_view kPythonTag = "<|python_tag|>";
inline constexpr std::string_view kDeepSeekCallsBegin =
    "<｜tool▁calls▁begin｜>";
inline constexpr std::string_view kDeepSeekCallsEnd = "<｜tool▁calls▁end｜>";
inline constexpr std::string_view kDeepSeekCallBegin = "<｜tool▁call▁begin｜>";
inline constexpr std::string_view kDeepSeekCallEnd = "<｜tool▁call▁end｜>";
inline constexpr std::string_view kDeepSeekSeparator = "<｜tool▁sep｜>";

// Every marker of the format: the decoder must show these also where the
// vocabulary calls them special.
std::vector<std::string_view> MarkersOf(AnswerFormat format);

bool HasReasoning(AnswerFormat format);

// Whether the prompt opened the reasoning, so that the answer begins inside
// it: it ends with the opening marker and perhaps white space.
bool PromptOpensReasoning(std::string_view prompt);

}  // namespace sluice::gateway
