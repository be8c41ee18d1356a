#pragma once

// Which Tokenizer and which Generator serve a request. Pure: candidates in,
// choice out.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::gateway {

struct TokenizerCandidate {
  std::string vocabulary_hash;
  int64_t outstanding = 0;  // calls that run there
};

struct GeneratorCandidate {
  std::string model;
  std::string vocabulary_hash;
  int64_t outstanding = 0;  // requests that run there
};

// Indices into the candidates.
struct Pair {
  size_t tokenizer = 0;
  size_t generator = 0;
};

// The Generator with the least outstanding requests among those that serve
// `model` (any, when empty) and share their vocabulary with some Tokenizer,
// and the least busy of these Tokenizers. Ties go to the first. Nothing when
// there is no such pair.
std::optional<Pair> PickPair(const std::vector<TokenizerCandidate>& tokenizers,
                             const std::vector<GeneratorCandidate>& generators,
                             std::string_view model);

}  // namespace sluice::gateway
