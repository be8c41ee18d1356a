#include "services/tokenizer/chat/segment.h"

namespace sluice::tokenizer {

std::string RenderedChat::Text() const {
  std::string text;
  for (const Segment& segment : segments) text += segment.text;
  return text;
}

}  // namespace sluice::tokenizer
