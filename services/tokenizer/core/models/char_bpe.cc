#include "services/tokenizer/core/models/char_bpe.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/status_macros.h"
#include "common/vocabulary/utf8.h"

namespace sluice::tokenizer {

// Collects the symbols of one piece. An unknown one waits for the next known
// one, as in the reference, so that bytes may come before it.
class CharBpe::Symbols {
 public:
  Symbols(const CharBpe& bpe, std::vector<ModelToken>& out)
      : bpe_(bpe), out_(out) {}

  void AddKnown(int32_t id, uint32_t begin, uint32_t end) {
    Flush();
    out_.push_back({id, begin, end});
  }

  // The bytes of an unknown symbol; false when one of them has no token.
  bool AddBytes(std::string_view symbol, uint32_t begin, uint32_t end) {
    if (!bpe_.byte_fallback_) return false;
    for (char c : symbol) {
      if (bpe_.byte_ids_[static_cast<uint8_t>(c)] < 0) return false;
    }
    for (char c : symbol) {
      out_.push_back({bpe_.byte_ids_[static_cast<uint8_t>(c)], begin, end});
    }
    return true;
  }

  absl::Status AddUnknown(uint32_t begin, uint32_t end) {
    if (bpe_.unk_token_.empty()) return absl::OkStatus();
    if (!bpe_.unk_id_.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("tokenizer.json: model.unk_token: \"", bpe_.unk_token_,
                       "\" is not in the vocabulary, and the text needs it"));
    }
    if (unknown_.has_value() && bpe_.fuse_unk_) {
      unknown_->end = end;
    } else {
      Flush();
      unknown_ = ModelToken{*bpe_.unk_id_, begin, end};
    }
    return absl::OkStatus();
  }

  void Flush() {
    if (unknown_.has_value()) out_.push_back(*unknown_);
    unknown_.reset();
  }

 private:
  const CharBpe& bpe_;
  std::vector<ModelToken>& out_;
  std::optional<ModelToken> unknown_;
};

absl::StatusOr<std::unique_ptr<Model>> CharBpe::FromJson(
    const JsonValue& model, const TokenTable& table) {
  ASSIGN_OR_RETURN(std::string_view prefix,
                   model.GetStringOr("continuing_subword_prefix", ""));
  ASSIGN_OR_RETURN(BpeMerges merges, BpeMerges::FromJson(model, table, prefix));
  std::unique_ptr<CharBpe> bpe(new CharBpe(std::move(merges)));
  bpe->prefix_ = std::string(prefix);
  RETURN_IF_ERROR(bpe->ReadOptions(model, table));
  return bpe;
}

absl::Status CharBpe::ReadOptions(const JsonValue& model,
                                  const TokenTable& table) {
  ASSIGN_OR_RETURN(std::string_view suffix,
                   model.GetStringOr("end_of_word_suffix", ""));
  suffix_ = std::string(suffix);
  ASSIGN_OR_RETURN(std::string_view unk, model.GetStringOr("unk_token", ""));
  unk_token_ = std::string(unk);
  ASSIGN_OR_RETURN(fuse_unk_, model.GetBoolOr("fuse_unk", false));
  ASSIGN_OR_RETURN(byte_fallback_, model.GetBoolOr("byte_fallback", false));
  ASSIGN_OR_RETURN(ignore_merges_, model.GetBoolOr("ignore_merges", false));
  ids_.reserve(table.model_ids.size());
  for (const auto& [spelling, id] : table.model_ids) {
    ids_.emplace(std::string(spelling), id);
  }
  if (!unk_token_.empty()) unk_id_ = IdOf(unk_token_);
  for (int byte = 0; byte < 256; ++byte) {
    byte_ids_[byte] = IdOf(absl::StrFormat("<0x%02X>", byte)).value_or(-1);
  }
  return absl::OkStatus();
}

std::optional<int32_t> CharBpe::IdOf(std::string_view spelling) const {
  auto found = ids_.find(spelling);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

absl::Status CharBpe::AppendSymbols(std::string_view piece,
                                    std::vector<ModelToken>& out) const {
  Symbols symbols(*this, out);
  std::string spelled;
  for (uint32_t begin = 0; begin < piece.size();) {
    const auto end = begin + static_cast<uint32_t>(Utf8Length(piece[begin]));
    std::string_view symbol = piece.substr(begin, end - begin);
    const bool prefixed = begin > 0 && !prefix_.empty();
    const bool suffixed = end == piece.size() && !suffix_.empty();
    if (prefixed || suffixed) {
      spelled = prefixed ? prefix_ : "";
      spelled.append(symbol).append(suffixed ? suffix_ : "");
      symbol = spelled;
    }
    if (const auto id = IdOf(symbol); id.has_value()) {
      symbols.AddKnown(*id, begin, end);
    } else if (!symbols.AddBytes(symbol, begin, end)) {
      RETURN_IF_ERROR(symbols.AddUnknown(begin, end));
    }
    begin = end;
  }
  symbols.Flush();
  return absl::OkStatus();
}

absl::Status CharBpe::Encode(std::string_view piece,
                             std::vector<ModelToken>& out) const {
  if (cache_.Find(piece, out)) return absl::OkStatus();
  const size_t first = out.size();
  if (ignore_merges_) {
    if (const auto id = IdOf(piece); id.has_value()) {
      out.push_back({*id, 0, static_cast<uint32_t>(piece.size())});
      return absl::OkStatus();
    }
  }
  RETURN_IF_ERROR(AppendSymbols(piece, out));
  merges_.Apply(first, out);
  cache_.Insert(piece, out.data() + first, out.size() - first);
  return absl::OkStatus();
}

}  // namespace sluice::tokenizer
