#pragma once

// What stands around texts, as the post_processor of a tokenizer.json.

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

namespace sluice {

// The text 'A' or 'B', or an id.
using TemplateParts = std::vector<std::variant<char, size_t>>;

// A member "post_processor". REQUIRES: every id of `single` is in `pair`.
std::string TemplateJson(const TemplateParts& single,
                         const TemplateParts& pair);

}  // namespace sluice
