#pragma once

// Texts that a model draws from itself, and how another version of it would
// have continued them.

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "services/generator/runner/model_runner.h"

namespace sluice::generator {

struct TeacherTexts {
  std::vector<std::vector<int32_t>> ids;  // [text][position]
  // [position][text * vocabulary]: log-probabilities of what comes next.
  std::vector<std::vector<float>> log_probabilities;
};

// Draws texts at temperature 1 after `first_id`, all in step.
// Errors: those of the runner.
absl::StatusOr<TeacherTexts> DrawTexts(ModelRunner& teacher, int32_t first_id,
                                       int32_t texts, int32_t length,
                                       uint32_t seed);

// Of one text: sums over its positions, in nats.
struct TextScore {
  double divergence = 0;    // KL(teacher || student)
  double surprise = 0;      // of the student: minus log-probability
  double own_surprise = 0;  // of the teacher
  int32_t best_agrees = 0;  // positions with the same likeliest token
  int32_t positions = 0;
};

// Feeds the texts to another version. Errors: those of the runner.
absl::StatusOr<std::vector<TextScore>> ScoreTexts(ModelRunner& student,
                                                  const TeacherTexts& texts);

}  // namespace sluice::generator
