#pragma once

// A Hugging Face directory as the GGUF file that llama.cpp reads: the same
// weights for both sides of a comparison.

#include <string>

#include "absl/status/status.h"

namespace sluice::bench {

struct GgufExportOptions {
  std::string model;            // directory
  std::string out;              // file
  std::string format = "q8_0";  // "f32", "q8_0" or "q4_0"
};

// Matrices in the format, vectors in float32. As the peer's own quantiser does:
// with q4_0 the head (the embedding, when it is the head too) is Q6_K where its
// rows are whole blocks of that, else Q8_0.
// Errors: those of ReadModelConfig, SafetensorsReader and FileError;
// INVALID_ARGUMENT for an unknown format or rows that are not whole blocks;
// UNIMPLEMENTED for another architecture than Qwen2 and for tokenizers that are
// not byte-level BPE.
absl::Status ExportGguf(const GgufExportOptions& options);

}  // namespace sluice::bench
