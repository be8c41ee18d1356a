#include "tests/quant_error/teacher.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "absl/types/span.h"
#include "common/base/status_macros.h"

namespace sluice::generator {
namespace {

// Position `position` of all texts, each with blocks of its own.
StepPlan PlanOf(const RunnerInfo& info,
                const std::vector<std::vector<int32_t>>& ids, int32_t position,
                int32_t length) {
  const int32_t blocks = (length + info.block_size - 1) / info.block_size;
  StepPlan plan;
  for (size_t text = 0; text < ids.size(); ++text) {
    SequenceRows rows;
    rows.token_ids = {ids[text][position]};
    rows.first_position = position;
    for (int32_t b = 0; b < blocks; ++b) {
      rows.block_table.push_back(static_cast<int32_t>(text) * blocks + b);
    }
    rows.wants_logits = true;
    plan.sequences.push_back(std::move(rows));
  }
  return plan;
}

void LogSoftmax(absl::Span<const float> logits, float* out) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  const double shift = largest + std::log(sum);
  for (size_t i = 0; i < logits.size(); ++i) {
    out[i] = static_cast<float>(logits[i] - shift);
  }
}

std::vector<float> LogProbabilities(const LogitsView& logits) {
  std::vector<float> all(logits.values.size());
  for (int32_t row = 0; row < logits.rows; ++row) {
    LogSoftmax(logits.Row(row),
               all.data() + int64_t{row} * logits.vocabulary_size);
  }
  return all;
}

int32_t Draw(absl::Span<const float> log_probabilities, double uniform) {
  double sum = 0;
  for (size_t id = 0; id < log_probabilities.size(); ++id) {
    sum += std::exp(double{log_probabilities[id]});
    if (sum > uniform) return static_cast<int32_t>(id);
  }
  return static_cast<int32_t>(log_probabilities.size()) - 1;
}

size_t BestOf(absl::Span<const float> values) {
  return std::max_element(values.begin(), values.end()) - values.begin();
}

void AddPosition(absl::Span<const float> teacher,
                 absl::Span<const float> student, int32_t next_id,
                 TextScore& score) {
  for (size_t id = 0; id < teacher.size(); ++id) {
    score.divergence +=
        std::exp(double{teacher[id]}) * (double{teacher[id]} - student[id]);
  }
  score.surprise -= student[next_id];
  score.own_surprise -= teacher[next_id];
  score.best_agrees += BestOf(teacher) == BestOf(student) ? 1 : 0;
  ++score.positions;
}

}  // namespace

absl::StatusOr<TeacherTexts> DrawTexts(ModelRunner& teacher, int32_t first_id,
                                       int32_t texts, int32_t length,
                                       uint32_t seed) {
  std::mt19937 random(seed);
  TeacherTexts out;
  out.ids.assign(texts, {first_id});
  const int32_t vocabulary = teacher.info().vocabulary_size;
  for (int32_t position = 0; position + 1 < length; ++position) {
    ASSIGN_OR_RETURN(
        const LogitsView logits,
        teacher.Run(PlanOf(teacher.info(), out.ids, position, length)));
    out.log_probabilities.push_back(LogProbabilities(logits));
    for (int32_t text = 0; text < texts; ++text) {
      const absl::Span<const float> row =
          absl::MakeConstSpan(out.log_probabilities.back())
              .subspan(int64_t{text} * vocabulary, vocabulary);
      out.ids[text].push_back(Draw(row, random() / 4294967296.0));
    }
  }
  return out;
}

absl::StatusOr<std::vector<TextScore>> ScoreTexts(ModelRunner& student,
                                                  const TeacherTexts& texts) {
  const int32_t length = static_cast<int32_t>(texts.ids[0].size());
  const int64_t vocabulary = student.info().vocabulary_size;
  std::vector<TextScore> scores(texts.ids.size());
  for (int32_t position = 0; position + 1 < length; ++position) {
    ASSIGN_OR_RETURN(
        const LogitsView logits,
        student.Run(PlanOf(student.info(), texts.ids, position, length)));
    const std::vector<float> own = LogProbabilities(logits);
    const auto teacher = absl::MakeConstSpan(texts.log_probabilities[position]);
    for (size_t text = 0; text < scores.size(); ++text) {
      const size_t at = text * vocabulary;
      AddPosition(teacher.subspan(at, vocabulary),
                  absl::MakeConstSpan(own).subspan(at, vocabulary),
                  texts.ids[text][position + 1], scores[text]);
    }
  }
  return scores;
}

}  // namespace sluice::generator
