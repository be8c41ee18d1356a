#pragma once

// How a model writes reasoning and tool calls into its answers. The Tokenizer
// knows the chat template, so it is the one to tell; the Gateway reads answers
// by it (services/gateway/parsing).

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "common/vocabulary/vocabulary.h"
#include "services/tokenizer/chat/chat_renderer.h"

namespace sluice::tokenizer {

// As GetTokenizerInfo says it; "plain" writes neither.
inline constexpr std::array<std::string_view, 6> kAnswerFormats = {
    "plain", "hermes", "qwen3", "youtu", "llama3", "deepseek-r1"};

struct AnswerHabits {
  std::string format = "plain";
  bool shows_tools = false;   // the prompt tells the model of its tools
  bool writes_calls = false;  // the format has calls of tools
};

// Learnt by trying: a chat whose assistant calls a tool is rendered, and how
// the call looks in the prompt is how the model was taught to write it.
// `sources` are the model's templates.
// Threads: any (pure).
AnswerHabits DetectAnswerHabits(const ChatRenderer& chat,
                                const std::vector<std::string>& sources,
                                const Vocabulary& vocabulary);

}  // namespace sluice::tokenizer
