#pragma once

// When a sequence ends, and which of its ids may be shown before it has.

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "common/vocabulary/vocabulary.h"
#include "services/generator/constraint/sequence_end.h"
#include "services/generator/constraint/stop_strings.h"

namespace sluice::generator {

// What ends the sequences of one request. Shared by them, hence immutable.
struct StopRules {
  StopRules(absl::Span<const std::string> stops, std::vector<int32_t> stop_ids,
            std::vector<int32_t> eos_ids, int32_t max_new_tokens)
      : stop_strings(stops),
        stop_ids(std::move(stop_ids)),
        eos_ids(std::move(eos_ids)),
        max_new_tokens(max_new_tokens) {}

  StopStrings stop_strings;
  std::vector<int32_t> stop_ids;
  std::vector<int32_t> eos_ids;  // empty when they are to be ignored
  int32_t max_new_tokens;
};

// Judges the generated ids of one sequence in order; a pure function of them.
// The text is the bytes of the ids one after the other; special ids have none,
// and of what the prompt says nothing counts. A sequence ends with the id that
// completes a stop string; when several are complete then, the one that starts
// first counts, of these the shortest.
// Threads: engine thread only.
class StopChecker {
 public:
  // The vocabulary must outlive the checker.
  StopChecker(std::shared_ptr<const StopRules> rules,
              const Vocabulary& vocabulary)
      : rules_(std::move(rules)),
        vocabulary_(&vocabulary),
        cursor_(rules_->stop_strings.Start()) {}

  // The next id; how it ends the sequence, if it does. REQUIRES: !ended().
  std::optional<SequenceEnd> Push(int32_t id);
  // Ids that were generated and given out before: as Push for each until the
  // end, and nothing is held back of them. Returns how many were used.
  size_t Replay(absl::Span<const int32_t> ids, std::optional<SequenceEnd>& end);

  // Ids that may be shown now, each once, in order: those whose text cannot
  // become part of a stop string any more; after the end all the others.
  std::vector<int32_t> TakeShowable();

  bool ended() const { return ended_; }
  // Ids pushed, the last one included.
  int32_t generated() const { return generated_; }

 private:
  struct Match {
    int32_t pattern = StopStrings::kNone;
    int64_t start = 0;
  };

  std::optional<SequenceEnd> Judge(int32_t id);
  Match ReadText(int32_t id);

  std::shared_ptr<const StopRules> rules_;
  const Vocabulary* vocabulary_;
  StopStrings::Cursor cursor_;
  bool at_start_ = true;
  bool ended_ = false;
  int32_t generated_ = 0;
  int64_t text_bytes_ = 0;

  struct Held {
    int32_t id;
    int64_t text_end;  // text_bytes_ after it
  };
  std::deque<Held> held_;
  int64_t shown_bytes_ = 0;  // text_end of the last id that left held_
};

}  // namespace sluice::generator
