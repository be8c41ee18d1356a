#pragma once

// The `decoder` of a tokenizer.json, worked out for single tokens: what each
// adds to the text in the middle of it, as its first token and as its last,
// and the few rules that concern the text as a whole.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/modelfiles/json.h"
#include "common/vocabulary/byte_alphabet.h"
#include "common/vocabulary/vocabulary.h"

namespace sluice {

// Where a token stands in a text.
enum class TokenPlace { kMiddle, kFirst, kLast };

// One component before tokens are joined. Threads: any (immutable).
class TokenDecoder {
 public:
  virtual ~TokenDecoder() = default;
  virtual void Apply(TokenPlace place, std::string& token) const = 0;
};

// Threads: any (immutable).
class DecoderChain {
 public:
  // Without a decoder tokens are joined with spaces.
  // Errors: UNIMPLEMENTED naming a component, or an order of components, that
  // is not supported; INVALID_ARGUMENT for values that make no sense.
  static absl::StatusOr<DecoderChain> FromJson(
      const std::optional<JsonValue>& json);

  // All but `special` of the entry of a token that is spelled so.
  VocabularyEntry EntryOf(std::string_view spelling) const;
  const DecodeRules& rules() const { return rules_; }

 private:
  class Reader;

  std::string Form(std::string_view spelling, TokenPlace place) const;

  std::vector<std::unique_ptr<TokenDecoder>> steps_;
  // Single characters that are replaced once tokens are joined.
  std::vector<std::unique_ptr<TokenDecoder>> joined_steps_;
  bool byte_fallback_ = false;  // <0x41> is a byte
  bool byte_level_ = false;     // letters of the byte alphabet
  bool placed_ = false;         // the place of a token matters
  ByteAlphabet alphabet_;
  DecodeRules rules_;
};

}  // namespace sluice
