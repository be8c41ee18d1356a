#pragma once

// The tokens of a tokenizer.json: what its model and its added_tokens spell,
// and the Vocabulary that they and its decoder make.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "common/modelfiles/json.h"
#include "common/modelfiles/sentencepiece.h"
#include "common/vocabulary/vocabulary.h"

namespace sluice {

struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool special = false;      // left out when specials are skipped
  bool normalized = false;   // sought in normalised text
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // takes the white space after it
  bool single_word = false;  // not inside a word
};

struct ScoredPiece {
  std::string_view spelling;  // lies in the document
  double score = 0;
  PieceKind kind = PieceKind::kNormal;
};

struct TokenTable {
  // Spelling in the file -> id. The keys lie in the document.
  absl::flat_hash_map<std::string_view, int32_t> model_ids;
  // Unigram and SentencePiece only: spelling and score of each id; of two ids
  // that are spelled alike model_ids has the last.
  std::vector<ScoredPiece> pieces;
  std::vector<AddedToken> added;  // in the order of the file
  int32_t size = 0;               // highest id + 1
};

// Reads a whole tokenizer.json. As in the reference, an added token that the
// model also spells has the model's id, and others get the ids behind those of
// the model in their order, whatever the file says; only where such an id is
// taken the file's own counts.
// Errors: INVALID_ARGUMENT for an id that two tokens share, ids from 2^24 on,
// more unused ids than used ones.
absl::StatusOr<TokenTable> ReadTokenTable(const JsonValue& root);

// id -> bytes under the decoder of the file. Errors: UNIMPLEMENTED naming a
// decoder that is not supported.
absl::StatusOr<Vocabulary> MakeVocabulary(const JsonValue& root,
                                          const TokenTable& table);

// Both for the tokenizer.json of a model directory. Errors: NOT_FOUND besides.
absl::StatusOr<Vocabulary> ReadVocabulary(const std::string& directory);

}  // namespace sluice
