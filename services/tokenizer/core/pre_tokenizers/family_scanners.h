#pragma once

// Hand-written scanners for the patterns of DeepSeek, Youtu and o200k: linear,
// on our own Unicode tables, equal to what a backtracking engine finds.

#include <memory>
#include <string_view>

#include "services/tokenizer/core/pre_tokenizers/splitter.h"

namespace sluice::tokenizer {

inline constexpr std::string_view kDeepseekNumbersPattern = R"(\p{N}{1,3})";
inline constexpr std::string_view kDeepseekIdeographsPattern =
    "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+";
inline constexpr std::string_view kDeepseekWordsPattern =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|)"
    "[^\r\n"
    R"(\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+)"
    "[\r\n]*|\\s*[\r\n]+"
    R"(|\s+(?!\S)|\s+)";
// DeepSeek-Coder and DeepSeek-LLM.
inline constexpr std::string_view kNewlinePattern = "[\r\n]";
inline constexpr std::string_view kSpacedLettersPattern = R"(\s?\p{L}+)";
inline constexpr std::string_view kSpacedPunctuationPattern = R"(\s?\p{P}+)";
// Youtu's second pattern: digits alone; o200k: in groups of up to three.
inline constexpr std::string_view kYoutuPattern =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}|)"
    R"( ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view kO200kPattern =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}|)"
    R"( ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// The scanner of exactly this pattern, nullptr when there is none.
std::unique_ptr<Splitter> MakeFamilyScanner(std::string_view pattern);

}  // namespace sluice::tokenizer
