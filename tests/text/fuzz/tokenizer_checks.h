#pragma once

// What holds of every tokenizer, whatever file it came from and whatever text
// it is given. A breach ends the process, as fuzzers want it.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "common/vocabulary/vocabulary.h"
#include "services/tokenizer/core/tokenizer.h"

namespace sluice::tokenizer {

// The text of ids, after checking that it is whole UTF-8 and the same in
// pieces of `step` ids. REQUIRES: step > 0.
std::string CheckedDecode(const Vocabulary& vocabulary,
                          absl::Span<const int32_t> ids, size_t step);

// The ids of a text without what a post-processor adds, after checking them
// and their offsets; nothing where the text has no ids (not UTF-8, an unknown
// character without a token for that, a pattern that needs too many steps).
std::vector<int32_t> CheckedEncode(const Tokenizer& tokenizer,
                                   std::string_view text, bool parse_special);

// All of it on a few texts that touch most rules.
void CheckTokenizer(const Tokenizer& tokenizer);

}  // namespace sluice::tokenizer
