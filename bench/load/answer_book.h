#pragma once

#include <string>

#include "absl/container/flat_hash_map.h"
#include "bench/load/call_watch.h"

namespace sluice::load {

// Equal questions must get equal answers: an answer that was cut short must be
// the beginning of the whole one. Threads: one at a time.
// Limits: one answer a question.
class AnswerBook {
 public:
  // Fills in `record.violation` when its answer contradicts an earlier one.
  // Records without a question are left alone.
  void Check(CallRecord& record);

  // Answers that were compared with another one.
  int64_t compared() const { return compared_; }

 private:
  struct Answer {
    std::string text;
    bool whole = false;
  };

  absl::flat_hash_map<int32_t, Answer> answers_;
  int64_t compared_ = 0;
};

}  // namespace sluice::load
