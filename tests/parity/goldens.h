#pragma once

// The stored answers of Hugging Face transformers (tests/golden/logits).

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice::parity {

struct GoldenCase {
  std::vector<int32_t> prompt_ids;
  std::vector<int32_t> greedy_ids;  // what follows, by largest logit
  // Absolute positions whose logits are stored, ascending. Position
  // prompt_ids.size() is that of greedy_ids[0].
  std::vector<int32_t> positions;
  std::vector<std::vector<float>> logits;  // one row per position

  // Prompt and continuation together.
  std::vector<int32_t> AllIds() const;
};

struct GoldenModel {
  std::string name;
  std::string family, shape, dtype;  // for make-random-model
  uint64_t seed = 0;
  std::string weights_sha256;
  std::vector<GoldenCase> cases;
};

struct Goldens {
  double tolerance = 0.0;  // allowed max |a-b| / max |b|
  int32_t greedy_tokens = 0;
  std::vector<GoldenModel> models;
};

// Reads goldens.json and the files that it names. A file that says less than
// the checks rely on (rows, lengths, spread of the logits) is an error.
absl::StatusOr<Goldens> LoadGoldens(const std::string& directory);

// Makes the model's weights in `directory` and compares their digest.
// Errors: those of MakeRandomModel; DATA_LOSS when the weights are not those
// that the goldens were made with.
absl::Status MakeGoldenModel(const GoldenModel& model,
                             const std::string& directory);

}  // namespace sluice::parity
