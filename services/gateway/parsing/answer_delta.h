#pragma once

// What an answer says, in typed pieces. Pieces of one kind that follow each
// other add up; each is whole UTF-8.

#include <cstdint>
#include <string>
#include <variant>

namespace sluice::gateway {

// For the reader of the answer.
struct TextPiece {
  std::string text = {};
};

// What the model thought before it answered.
struct ReasoningPiece {
  std::string text = {};
};

// A call of a tool, or more of its arguments.
struct ToolCallPiece {
  int32_t index = 0;           // call within the answer, from 0
  std::string id = {};         // in the first piece of a call only
  std::string name = {};       // in the first piece of a call only
  std::string arguments = {};  // the pieces add up to one JSON object
};

using AnswerPiece = std::variant<TextPiece, ReasoningPiece, ToolCallPiece>;

}  // namespace sluice::gateway
