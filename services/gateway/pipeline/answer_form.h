#pragma once

// How the answers of one model are read: its format, and which markers of it
// the decoder would leave out because its vocabulary calls them special.

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/vocabulary/vocabulary.h"
#include "services/gateway/parsing/answer_format.h"

namespace sluice::gateway {

struct SpecialMarker {
  int32_t id = 0;
  std::string_view text = {};  // one of MarkersOf
};

struct AnswerForm {
  AnswerFormat format = AnswerFormat::kPlain;
  bool takes_tools = false;  // its prompts show tools
  std::vector<SpecialMarker> special_markers = {};
};

// `format` is what the Tokenizer calls it; a name from a later version than
// this, whose answers nobody here can read, is plain.
AnswerForm MakeAnswerForm(std::string_view format, bool takes_tools,
                          const Vocabulary& vocabulary);

}  // namespace sluice::gateway
