#pragma once

// Hand-written scanners for published splitting patterns: linear, on our own
// Unicode tables, equal to what a backtracking engine finds.

#include <memory>
#include <string_view>

#include "services/tokenizer/core/pre_tokenizers/splitter.h"

namespace sluice::tokenizer {

// Built into the ByteLevel pre-tokenizer.
inline constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|)"
    R"(\s+(?!\S)|\s+)";
// Qwen1.5, Qwen2, Qwen2.5, Qwen3, DeepSeek-R1-Distill-Qwen.
inline constexpr std::string_view kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|)"
    R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
// Llama-3.x: numbers in groups of up to three.
inline constexpr std::string_view kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|)"
    R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// The scanner of exactly this pattern (every match a piece, and what lies
// between), nullptr when there is none.
std::unique_ptr<Splitter> MakeScanner(std::string_view pattern);

// Cuts out numbers: each digit alone or whole runs.
std::unique_ptr<Splitter> MakeDigitsSplitter(bool individual);

}  // namespace sluice::tokenizer
