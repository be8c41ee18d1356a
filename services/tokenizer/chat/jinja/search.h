#pragma once

// Substring search whose time is linear in both strings, whatever they are.

#include <string>
#include <string_view>

namespace sluice::tokenizer::jinja {

// Start of the first match at or behind `from`; npos when there is none.
// REQUIRES: from <= text.size().
size_t FindFirst(std::string_view text, std::string_view wanted,
                 size_t from = 0);

// Finds matches from the right. Threads: immutable after construction.
class SearchFromRight {
 public:
  SearchFromRight(std::string_view text, std::string_view wanted);

  // Start of the last match that ends at or before `end`; npos when there is
  // none. REQUIRES: end <= text.size().
  size_t FindLast(size_t end) const;

 private:
  // Both reversed: the C library searches forwards only.
  const std::string text_;
  const std::string wanted_;
};

}  // namespace sluice::tokenizer::jinja
