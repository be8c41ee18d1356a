#pragma once

// What is written down about one sequence of a run: what it gave, and what
// happened to it on the way.

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::generator {

struct Trail {
  // What must be the same however it is run.
  std::string request_id;
  int32_t index = 0;
  std::vector<int32_t> ids;  // delivered, those of earlier attempts included
  // A hash of the bits of each row of logits that a token was chosen from, in
  // order of position; a resumed sequence lacks those of earlier attempts.
  std::vector<uint64_t> rows;

  // What happened to it.
  bool greedy = false;
  int32_t prompt_tokens = 0;
  int32_t cached_tokens = 0;    // of the prompt, as the client was told
  int32_t resumed_tokens = 0;   // of `ids`, from earlier attempts
  int32_t first_position = -1;  // of the first row that ran for it
  int32_t batch = 0;            // most sequences in a step with one of its rows
  int32_t chunk = 0;            // most of its rows in a step
  int32_t chunks = 0;           // steps with more than one of its rows
  int32_t preemptions = 0;      // times that rows ran again
  int32_t drafted = 0;          // rows that were guesses
  int32_t accepted = 0;         // of these, that did not run again
};

}  // namespace sluice::generator
