#include "common/vocabulary/token_table.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/vocabulary/decoder_chain.h"
#include "common/vocabulary/tokenizer_files.h"

namespace sluice {
namespace {

constexpr int64_t kMaxTokenId = (int64_t{1} << 24) - 1;
constexpr int64_t kMaxContentBytes = 1024;
constexpr int64_t kFreeGap = 4096;  // unused ids that are always fine

absl::string_view View(std::string_view s) { return {s.data(), s.size()}; }

absl::StatusOr<int32_t> ReadId(const JsonValue& value) {
  ASSIGN_OR_RETURN(int64_t id, value.AsInt(0, kMaxTokenId));
  return static_cast<int32_t>(id);
}

// An array of [spelling, score].
absl::Status ReadPieces(const JsonValue& vocab, TokenTable& table) {
  ASSIGN_OR_RETURN(size_t count, vocab.Size());
  if (static_cast<int64_t>(count) > kMaxTokenId) {
    return vocab.Error(
        absl::StrCat("too many tokens, got ", count, ", limit ", kMaxTokenId));
  }
  table.pieces.reserve(count);
  table.model_ids.reserve(count);
  return vocab.ForEachElement([&](const JsonValue& value) -> absl::Status {
    ScoredPiece piece;
    int fields = 0;
    RETURN_IF_ERROR(
        value.ForEachElement([&](const JsonValue& field) -> absl::Status {
          if (fields++ == 0) {
            ASSIGN_OR_RETURN(piece.spelling, field.AsString());
          } else {
            ASSIGN_OR_RETURN(piece.score, field.AsDouble());
          }
          return absl::OkStatus();
        }));
    if (fields != 2) {
      return value.Error(absl::StrCat("must be a token and its score, got ",
                                      fields, " values"));
    }
    table.model_ids[piece.spelling] = static_cast<int32_t>(table.pieces.size());
    table.pieces.push_back(piece);
    return absl::OkStatus();
  });
}

// One digit a piece, as PieceKind counts; absent where all are normal.
absl::Status ReadKinds(const JsonValue& model, TokenTable& table) {
  ASSIGN_OR_RETURN(std::string_view kinds, model.GetStringOr("kinds", ""));
  if (kinds.empty()) return absl::OkStatus();
  if (kinds.size() != table.pieces.size()) {
    return model.Error(absl::StrCat("kinds: as many as pieces, got ",
                                    kinds.size(), ", wanted ",
                                    table.pieces.size()));
  }
  for (size_t id = 0; id < kinds.size(); ++id) {
    if (kinds[id] < '1' || kinds[id] > '6') {
      return model.Error("kinds: unknown kind");
    }
    table.pieces[id].kind = static_cast<PieceKind>(kinds[id] - '0');
  }
  return absl::OkStatus();
}

absl::Status ReadModelIds(const JsonValue& vocab, TokenTable& table) {
  if (vocab.IsArray()) return ReadPieces(vocab, table);
  ASSIGN_OR_RETURN(size_t count, vocab.Size());
  table.model_ids.reserve(count);
  return vocab.ForEachMember(
      [&](std::string_view spelling, const JsonValue& value) -> absl::Status {
        ASSIGN_OR_RETURN(int32_t id, ReadId(value));
        table.model_ids.emplace(spelling, id);
        return absl::OkStatus();
      });
}

absl::StatusOr<AddedToken> ReadAddedToken(const JsonValue& value) {
  AddedToken token;
  ASSIGN_OR_RETURN(JsonValue id, value.Get("id"));
  ASSIGN_OR_RETURN(token.id, ReadId(id));
  ASSIGN_OR_RETURN(std::string_view content, value.GetString("content"));
  token.content = std::string(content);
  if (content.size() > kMaxContentBytes) {
    return value.Error(absl::StrCat("content is too long, got ", content.size(),
                                    " bytes, limit ", kMaxContentBytes));
  }
  ASSIGN_OR_RETURN(token.special, value.GetBoolOr("special", false));
  ASSIGN_OR_RETURN(token.normalized,
                   value.GetBoolOr("normalized", !token.special));
  ASSIGN_OR_RETURN(token.lstrip, value.GetBoolOr("lstrip", false));
  ASSIGN_OR_RETURN(token.rstrip, value.GetBoolOr("rstrip", false));
  ASSIGN_OR_RETURN(token.single_word, value.GetBoolOr("single_word", false));
  return token;
}

// Gives added tokens their ids.
class IdGiver {
 public:
  explicit IdGiver(const TokenTable& table)
      : table_(table),
        model_size_(static_cast<int32_t>(
            std::max(table.model_ids.size(), table.pieces.size()))) {
    for (const auto& [spelling, id] : table.model_ids) {
      owner_.emplace(id, spelling);
    }
  }

  // Errors: INVALID_ARGUMENT when the file gives its id to another token too.
  absl::Status Give(AddedToken& token) {
    const auto [owner, is_new] = owner_.try_emplace(token.id, token.content);
    if (!is_new && owner->second != token.content) {
      return absl::InvalidArgumentError(
          absl::StrCat("tokenizer.json: vocabulary: id ", token.id,
                       " belongs to two tokens, \"", owner->second, "\" and \"",
                       token.content, "\""));
    }
    auto of_model = table_.model_ids.find(token.content);
    auto before = given_.find(token.content);
    if (of_model != table_.model_ids.end()) {
      token.id = of_model->second;
    } else if (before != given_.end()) {
      token.id = before->second;
    } else {
      const int32_t next = std::max(highest_ + 1, model_size_);
      const auto taken = owner_.find(next);
      if (taken == owner_.end() || taken->second == token.content) {
        token.id = next;
      }
    }
    given_.emplace(token.content, token.id);
    highest_ = std::max(highest_, token.id);
    return absl::OkStatus();
  }

 private:
  const TokenTable& table_;
  const int32_t model_size_;
  // Of the ids of the model and those that the file gives.
  absl::flat_hash_map<int32_t, std::string> owner_;
  absl::flat_hash_map<std::string, int32_t> given_;
  int32_t highest_ = -1;  // of the added tokens
};

absl::Status ReadAdded(const JsonValue& root, TokenTable& table) {
  std::optional<JsonValue> added = root.Find("added_tokens");
  if (!added.has_value()) return absl::OkStatus();
  IdGiver ids(table);
  return added->ForEachElement([&](const JsonValue& value) -> absl::Status {
    ASSIGN_OR_RETURN(AddedToken token, ReadAddedToken(value));
    RETURN_IF_ERROR(ids.Give(token));
    table.added.push_back(std::move(token));
    return absl::OkStatus();
  });
}

// Every id belongs to one spelling, and ids are not strewn so thinly that a
// small file asks for a large table.
absl::Status CheckIds(TokenTable& table) {
  int32_t highest = -1;
  for (const auto& [spelling, id] : table.model_ids) {
    highest = std::max(highest, id);
  }
  highest = std::max(highest, static_cast<int32_t>(table.pieces.size()) - 1);
  for (const AddedToken& token : table.added) {
    highest = std::max(highest, token.id);
  }
  table.size = highest + 1;
  const int64_t used = static_cast<int64_t>(
      std::max(table.model_ids.size(), table.pieces.size()) +
      table.added.size());
  if (table.size > 2 * used + kFreeGap) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tokenizer.json: vocabulary: too many unused ids, got highest id ",
        highest, " with ", used, " tokens"));
  }
  std::vector<std::string_view> owner(table.size);
  const auto claim = [&](int32_t id, std::string_view spelling) {
    if (owner[id].data() != nullptr && owner[id] != spelling) {
      return absl::InvalidArgumentError(absl::StrCat(
          "tokenizer.json: vocabulary: id ", id, " belongs to two tokens, \"",
          View(owner[id]), "\" and \"", View(spelling), "\""));
    }
    owner[id] = spelling.data() != nullptr ? spelling : std::string_view("");
    return absl::OkStatus();
  };
  for (const auto& [spelling, id] : table.model_ids) {
    RETURN_IF_ERROR(claim(id, spelling));
  }
  for (const AddedToken& token : table.added) {
    RETURN_IF_ERROR(claim(token.id, token.content));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TokenTable> ReadTokenTable(const JsonValue& root) {
  TokenTable table;
  ASSIGN_OR_RETURN(JsonValue model, root.Get("model"));
  ASSIGN_OR_RETURN(JsonValue vocab, model.Get("vocab"));
  RETURN_IF_ERROR(ReadModelIds(vocab, table));
  RETURN_IF_ERROR(ReadKinds(model, table));
  RETURN_IF_ERROR(ReadAdded(root, table));
  RETURN_IF_ERROR(CheckIds(table));
  return table;
}

absl::StatusOr<Vocabulary> MakeVocabulary(const JsonValue& root,
                                          const TokenTable& table) {
  ASSIGN_OR_RETURN(DecoderChain decoder,
                   DecoderChain::FromJson(root.Find("decoder")));
  std::vector<VocabularyEntry> entries(table.size);
  ASSIGN_OR_RETURN(JsonValue model, root.Get("model"));
  ASSIGN_OR_RETURN(std::string_view unknown,
                   model.GetStringOr("unknown_surface", ""));
  for (size_t id = 0; id < table.pieces.size(); ++id) {
    const ScoredPiece& piece = table.pieces[id];
    const bool shows_unknown =
        piece.kind == PieceKind::kUnknown && !unknown.empty();
    entries[id] = decoder.EntryOf(shows_unknown ? unknown : piece.spelling);
    if (shows_unknown) entries[id].first_bytes = entries[id].bytes;
    entries[id].special = piece.kind == PieceKind::kControl;
  }
  if (table.pieces.empty()) {
    for (const auto& [spelling, id] : table.model_ids) {
      entries[id] = decoder.EntryOf(spelling);
    }
  }
  for (const AddedToken& token : table.added) {
    const bool special = entries[token.id].special || token.special;
    entries[token.id] = decoder.EntryOf(token.content);
    entries[token.id].special = special;
  }
  return Vocabulary::Create(std::move(entries), decoder.rules());
}

absl::StatusOr<Vocabulary> ReadVocabulary(const std::string& directory) {
  ASSIGN_OR_RETURN(JsonDocument document, ReadTokenizerJson(directory));
  ASSIGN_OR_RETURN(TokenTable table, ReadTokenTable(document.root()));
  return MakeVocabulary(document.root(), table);
}

}  // namespace sluice
