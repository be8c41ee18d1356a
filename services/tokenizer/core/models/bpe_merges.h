#pragma once

// The merges of byte-pair encoding: of the pairs of neighbours the one of
// lowest rank becomes one token, leftmost first, until none is left.
// Source: Sennrich et al. 2016, section 3.2.

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/modelfiles/json.h"
#include "common/vocabulary/token_table.h"
#include "services/tokenizer/core/models/merge_table.h"
#include "services/tokenizer/core/models/model.h"

namespace sluice::tokenizer {

// Threads: any (immutable).
class BpeMerges {
 public:
  // `model` is the file's object of that name; the right part of a merge has
  // `prefix` in front, which its result lacks. Of equal pairs the last counts.
  // Errors: INVALID_ARGUMENT (a merge of unknown parts).
  static absl::StatusOr<BpeMerges> FromJson(const JsonValue& model,
                                            const TokenTable& table,
                                            std::string_view prefix);

  // Merges the tokens from `first` on.
  void Apply(size_t first, std::vector<ModelToken>& tokens) const;

 private:
  class Merger;

  explicit BpeMerges(size_t count) : merges_(count) {}
  // Quadratic but quick when there are few; n log n.
  void MergeFew(size_t first, std::vector<ModelToken>& tokens) const;
  void MergeMany(size_t first, std::vector<ModelToken>& tokens) const;

  MergeTable merges_;
};

}  // namespace sluice::tokenizer
