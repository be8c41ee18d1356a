#pragma once

// `sluice-tokenizer train`: learns a byte-level BPE tokenizer from text and
// writes it as tokenizer.json and tokenizer_config.json, with ChatML marks and
// template; then encodes texts with it into token-id files for the trainer.
//
//   sluice-tokenizer train --text=train.txt --vocab-size=2560 --out=DIR
//       [--encode=train.txt,held_out.txt --ids-out=DIR]
//
// A text is UTF-8 documents, each ended by a line "<|endoftext|>".

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace sluice::tokenizer {

struct TrainCommandOptions {
  std::vector<std::string> texts;    // learned from
  std::vector<std::string> encodes;  // encoded afterwards
  int32_t vocabulary_size = 2560;    // with the marks; 512..65536
  std::string out;                   // directory that gets the tokenizer
  std::string ids_out;               // directory that gets STEM.u16, STEM.json
};

// `arguments` are those after "train"; '-' and '_' are alike in names.
// Errors: INVALID_ARGUMENT "--flag: what, got, limit".
absl::StatusOr<TrainCommandOptions> ParseTrainCommand(
    absl::Span<const std::string_view> arguments);

// Errors: NOT_FOUND for a text, INVALID_ARGUMENT for one that is not UTF-8,
// INTERNAL when a file cannot be written.
absl::Status RunTrainCommand(const TrainCommandOptions& options);

}  // namespace sluice::tokenizer
