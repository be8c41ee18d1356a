#include "services/tokenizer/core/models/byte_bpe.h"

#include <optional>
#include <string>

#include "common/base/status_macros.h"
#include "common/vocabulary/byte_alphabet.h"
#include "common/vocabulary/utf8.h"

namespace sluice::tokenizer {
namespace {

// The id of each byte's letter, -1 for one that is not in the vocabulary.
std::array<int32_t, 256> ByteIds(const TokenTable& table) {
  const ByteAlphabet alphabet;
  std::array<int32_t, 256> ids;
  for (int byte = 0; byte < 256; ++byte) {
    std::string letter;
    AppendUtf8(alphabet.LetterOf(static_cast<uint8_t>(byte)), letter);
    auto found = table.model_ids.find(letter);
    ids[byte] = found == table.model_ids.end() ? -1 : found->second;
  }
  return ids;
}

}  // namespace

absl::StatusOr<bool> SuitsByteBpe(const JsonValue& model,
                                  const TokenTable& table) {
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    ASSIGN_OR_RETURN(std::string_view value, model.GetStringOr(key, ""));
    if (!value.empty()) return false;
  }
  ASSIGN_OR_RETURN(std::string_view unk, model.GetStringOr("unk_token", ""));
  ASSIGN_OR_RETURN(bool fallback, model.GetBoolOr("byte_fallback", false));
  if (unk.empty() && !fallback) return true;
  for (int32_t id : ByteIds(table)) {
    if (id < 0) return false;
  }
  return true;
}

void ByteBpe::ReadBytes(const TokenTable& table) { byte_ids_ = ByteIds(table); }

void ByteBpe::ReadWholeWords(const TokenTable& table) {
  const ByteAlphabet alphabet;
  whole_words_.reserve(table.model_ids.size());
  for (const auto& [spelling, id] : table.model_ids) {
    std::optional<std::string> bytes = alphabet.BytesOf(spelling);
    if (bytes.has_value()) whole_words_.emplace(*std::move(bytes), id);
  }
}

absl::StatusOr<std::unique_ptr<Model>> ByteBpe::FromJson(
    const JsonValue& model, const TokenTable& table) {
  ASSIGN_OR_RETURN(BpeMerges merges, BpeMerges::FromJson(model, table, ""));
  std::unique_ptr<ByteBpe> bpe(new ByteBpe(std::move(merges)));
  bpe->ReadBytes(table);
  ASSIGN_OR_RETURN(bool whole, model.GetBoolOr("ignore_merges", false));
  if (whole) bpe->ReadWholeWords(table);
  return bpe;
}

void ByteBpe::AppendBytes(std::string_view piece,
                          std::vector<ModelToken>& out) const {
  for (uint32_t i = 0; i < piece.size(); ++i) {
    const int32_t id = byte_ids_[static_cast<uint8_t>(piece[i])];
    if (id >= 0) out.push_back({id, i, i + 1});
  }
}

absl::Status ByteBpe::Encode(std::string_view piece,
                             std::vector<ModelToken>& out) const {
  if (piece.size() > 1 && cache_.Find(piece, out)) return absl::OkStatus();
  const size_t first = out.size();
  auto whole = whole_words_.find(piece);
  if (whole != whole_words_.end()) {
    out.push_back({whole->second, 0, static_cast<uint32_t>(piece.size())});
    return absl::OkStatus();
  }
  AppendBytes(piece, out);
  merges_.Apply(first, out);
  if (piece.size() > 1) {
    cache_.Insert(piece, out.data() + first, out.size() - first);
  }
  return absl::OkStatus();
}

}  // namespace sluice::tokenizer
