#pragma once

// Byte-level byte-pair encoding: a piece is its bytes, and the pair of lowest
// rank is merged, leftmost first, until none is left. Works on bytes, not on
// the printable alphabet in which the file spells them.
// Source: Sennrich et al. 2016, section 3.2; Radford et al. 2019, section 2.2.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "common/modelfiles/json.h"
#include "common/vocabulary/token_table.h"
#include "services/tokenizer/core/model.h"
#include "services/tokenizer/core/word_cache.h"

namespace sluice::tokenizer {

// Threads: any.
class ByteBpe final : public Model {
 public:
  // `model` is the file's object of that name. Errors: INVALID_ARGUMENT (a
  // merge of unknown parts), UNIMPLEMENTED (options of other kinds of BPE).
  static absl::StatusOr<std::unique_ptr<Model>> FromJson(
      const JsonValue& model, const TokenTable& table);

  void Encode(std::string_view piece,
              std::vector<ModelToken>& out) const override;

 private:
  struct Merge {
    uint32_t rank;
    int32_t id;
  };
  class Merger;

  ByteBpe() = default;
  absl::Status ReadMerges(const JsonValue& model, const TokenTable& table);
  absl::Status ReadBytes(const JsonValue& model, const TokenTable& table);
  void ReadWholeWords(const TokenTable& table);

  const Merge* FindMerge(int32_t left, int32_t right) const;
  // One token a byte; bytes that the vocabulary lacks vanish.
  void AppendBytes(std::string_view piece, std::vector<ModelToken>& out) const;
  // Merge the tokens from `first` on: quadratic but quick when there are few,
  // n log n.
  void MergeFew(size_t first, std::vector<ModelToken>& tokens) const;
  void MergeMany(size_t first, std::vector<ModelToken>& tokens) const;

  std::array<int32_t, 256> byte_ids_;  // -1: not in the vocabulary
  absl::flat_hash_map<uint64_t, Merge> merges_;
  // Filled under ignore_merges: pieces that are tokens at once.
  WordMap<int32_t> whole_words_;
  mutable WordCache cache_;
};

}  // namespace sluice::tokenizer
