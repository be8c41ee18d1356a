#pragma once

// Unigram language model: of all ways to cut a piece into known parts the one
// of highest total score.
// Source: Kudo 2018, section 3.2; Viterbi 1967.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/tokenizer/core/models/byte_trie.h"
#include "services/tokenizer/core/models/model.h"
#include "services/tokenizer/core/models/word_cache.h"

namespace sluice::tokenizer {

// Threads: any.
class Unigram final : public Model {
 public:
  struct Options {
    std::optional<int32_t> unk_id;
    bool byte_fallback = false;
  };

  // `model` is the file's object of that name. Errors: INVALID_ARGUMENT (an
  // unk_id outside the vocabulary, an empty vocabulary).
  static absl::StatusOr<std::unique_ptr<Model>> FromJson(
      const JsonValue& model, const TokenTable& table);
  static absl::StatusOr<std::unique_ptr<Model>> FromPieces(
      const std::vector<ScoredPiece>& pieces, const Options& options);

  absl::Status Encode(std::string_view piece,
                      std::vector<ModelToken>& out) const override;

 private:
  // The best way to reach a place, by its last part.
  struct Step {
    double score = 0;
    uint32_t begin = 0;
    int32_t id = 0;
    bool reached = false;
  };

  Unigram() = default;
  std::vector<Step> BestSteps(std::string_view piece) const;
  absl::Status AppendPart(std::string_view piece, uint32_t begin, uint32_t end,
                          std::vector<ModelToken>& out) const;

  ByteTrie trie_;
  std::vector<double> scores_;
  WordMap<int32_t> ids_;
  std::array<int32_t, 256> byte_ids_{};  // -1: not in the vocabulary
  double unknown_score_ = 0;
  Options options_;
};

}  // namespace sluice::tokenizer
