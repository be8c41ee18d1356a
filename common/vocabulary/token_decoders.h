#pragma once

// The components of a decoder that treat tokens one by one.

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/vocabulary/decoder_chain.h"

namespace sluice {

// Plain text becomes `content`. REQUIRES: `literal` is not empty.
std::unique_ptr<TokenDecoder> MakeReplaceDecoder(std::string literal,
                                                 std::string content);
// Matches of a pattern (PCRE2 syntax) become `content`.
// Errors: INVALID_ARGUMENT when it does not compile.
absl::StatusOr<std::unique_ptr<TokenDecoder>> MakeRegexDecoder(
    const std::string& regex, std::string content);
// Takes up to `start` and `stop` times `content` from the ends of a token.
std::unique_ptr<TokenDecoder> MakeStripDecoder(std::string content,
                                               int64_t start, int64_t stop);
// The replacement becomes a space; with `drop_first` the first token loses it.
std::unique_ptr<TokenDecoder> MakeMetaspaceDecoder(std::string replacement,
                                                   bool drop_first);
// A space before each token but the first and those with the prefix, which
// goes; `cleanup` closes up English punctuation.
std::unique_ptr<TokenDecoder> MakeWordPieceDecoder(std::string prefix,
                                                   bool cleanup);
// The suffix becomes a space, at the end nothing.
std::unique_ptr<TokenDecoder> MakeBpeSuffixDecoder(std::string suffix);
// Padding goes; `cleanup` closes up punctuation and turns the delimiter into
// a space. Repetitions are the rules' affair.
std::unique_ptr<TokenDecoder> MakeCtcDecoder(std::string pad,
                                             std::string delimiter,
                                             bool cleanup);
// A space before each token but the first.
std::unique_ptr<TokenDecoder> MakeJoinDecoder();

}  // namespace sluice
