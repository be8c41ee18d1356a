#pragma once

// `sluice tokenize`: a text as the Tokenizer service cuts it.

#include <string>

#include "absl/status/status.h"
#include "clients/cli/output.h"
#include "common/concurrency/stop_signal.h"

namespace sluice::cli {

struct TokenizeOptions {
  std::string tokenizer = "127.0.0.1:50051";
  bool add_special_tokens = true;  // what the post-processor adds
  bool parse_special = true;       // special tokens written in the text
  bool json = false;
  int64_t timeout_ms = 10'000;
};

// On a terminal: the text with coloured pieces, then the ids. Elsewhere: one
// line for each token, id, tab, the piece as a JSON string.
// Errors: CANCELLED after a stop; those of the Tokenizer.
absl::Status Tokenize(const TokenizeOptions& options, const std::string& text,
                      StopSignal& stop, Output& output);

}  // namespace sluice::cli
