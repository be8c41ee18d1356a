#pragma once

// Byte-level byte-pair encoding: a piece is its bytes. Works on bytes, not on
// the printable alphabet in which the file spells them.
// Source: Radford et al. 2019, section 2.2.

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "services/tokenizer/core/models/bpe_merges.h"
#include "services/tokenizer/core/models/model.h"
#include "services/tokenizer/core/models/word_cache.h"

namespace sluice::tokenizer {

// Whether a model can work on bytes: every letter of the byte alphabet is in
// it, or nothing stands for what is not; and no prefix or suffix is used.
// Errors: INVALID_ARGUMENT for options of the wrong kind.
absl::StatusOr<bool> SuitsByteBpe(const JsonValue& model,
                                  const TokenTable& table);

// Threads: any.
class ByteBpe final : public Model {
 public:
  // `model` is the file's object of that name. REQUIRES: SuitsByteBpe.
  // Errors: INVALID_ARGUMENT (a merge of unknown parts).
  static absl::StatusOr<std::unique_ptr<Model>> FromJson(
      const JsonValue& model, const TokenTable& table);

  absl::Status Encode(std::string_view piece,
                      std::vector<ModelToken>& out) const override;

 private:
  explicit ByteBpe(BpeMerges merges) : merges_(std::move(merges)) {}
  void ReadBytes(const TokenTable& table);
  void ReadWholeWords(const TokenTable& table);

  // One token a byte; bytes that the vocabulary lacks vanish.
  void AppendBytes(std::string_view piece, std::vector<ModelToken>& out) const;

  std::array<int32_t, 256> byte_ids_;  // -1: not in the vocabulary
  BpeMerges merges_;
  // Filled under ignore_merges: pieces that are tokens at once.
  WordMap<int32_t> whole_words_;
  mutable WordCache cache_;
};

}  // namespace sluice::tokenizer
