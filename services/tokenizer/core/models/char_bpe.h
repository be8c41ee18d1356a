#pragma once

// Byte-pair encoding over characters, with all that files may ask for:
// prefixes and suffixes of word parts, bytes for unknown characters, a token
// for unknown ones, alone or for runs of them.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "services/tokenizer/core/models/bpe_merges.h"
#include "services/tokenizer/core/models/model.h"
#include "services/tokenizer/core/models/word_cache.h"

namespace sluice::tokenizer {

// Threads: any.
class CharBpe final : public Model {
 public:
  // `model` is the file's object of that name. Errors: INVALID_ARGUMENT (a
  // merge of unknown parts), UNIMPLEMENTED (dropout).
  static absl::StatusOr<std::unique_ptr<Model>> FromJson(
      const JsonValue& model, const TokenTable& table);

  absl::Status Encode(std::string_view piece,
                      std::vector<ModelToken>& out) const override;

 private:
  class Symbols;

  explicit CharBpe(BpeMerges merges) : merges_(std::move(merges)) {}
  absl::Status ReadOptions(const JsonValue& model, const TokenTable& table);
  absl::Status AppendSymbols(std::string_view piece,
                             std::vector<ModelToken>& out) const;
  std::optional<int32_t> IdOf(std::string_view spelling) const;

  BpeMerges merges_;
  WordMap<int32_t> ids_;
  std::array<int32_t, 256> byte_ids_{};  // -1: not in the vocabulary
  std::string prefix_;
  std::string suffix_;
  std::string unk_token_;
  std::optional<int32_t> unk_id_;
  bool fuse_unk_ = false;
  bool byte_fallback_ = false;
  bool ignore_merges_ = false;
  mutable WordCache cache_;
};

}  // namespace sluice::tokenizer
