#include "services/tokenizer/chat/jinja/search.h"

#include <cstring>

namespace sluice::tokenizer::jinja {

size_t FindFirst(std::string_view text, std::string_view wanted, size_t from) {
  // std::string::find compares anew at each position. memmem is linear.
  const void* found = memmem(text.data() + from, text.size() - from,
                             wanted.data(), wanted.size());
  if (found == nullptr) return std::string_view::npos;
  return static_cast<size_t>(static_cast<const char*>(found) - text.data());
}

SearchFromRight::SearchFromRight(std::string_view text, std::string_view wanted)
    : text_(text.rbegin(), text.rend()),
      wanted_(wanted.rbegin(), wanted.rend()) {}

size_t SearchFromRight::FindLast(size_t end) const {
  const size_t found = FindFirst(text_, wanted_, text_.size() - end);
  if (found == std::string_view::npos) return found;
  return text_.size() - found - wanted_.size();
}

}  // namespace sluice::tokenizer::jinja
