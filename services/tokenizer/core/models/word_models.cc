#include "services/tokenizer/core/models/word_models.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/vocabulary/utf8.h"
#include "services/tokenizer/core/models/word_cache.h"

namespace sluice::tokenizer {
namespace {

constexpr int64_t kMaxCharsLimit = 10'000;  // the search is quadratic in it

// The words of a vocabulary and what stands for others.
class Words {
 public:
  static absl::StatusOr<Words> FromJson(const JsonValue& model,
                                        const TokenTable& table,
                                        std::string_view unknown) {
    Words words;
    ASSIGN_OR_RETURN(std::string_view unk,
                     model.GetStringOr("unk_token", unknown));
    words.unknown_ = std::string(unk);
    words.ids_.reserve(table.model_ids.size());
    for (const auto& [spelling, id] : table.model_ids) {
      words.ids_.emplace(std::string(spelling), id);
    }
    return words;
  }

  std::optional<int32_t> Find(std::string_view word) const {
    auto found = ids_.find(word);
    if (found == ids_.end()) return std::nullopt;
    return found->second;
  }

  absl::Status AppendUnknown(std::string_view piece,
                             std::vector<ModelToken>& out) const {
    const std::optional<int32_t> id = Find(unknown_);
    if (!id.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("tokenizer.json: model.unk_token: \"", unknown_,
                       "\" is not in the vocabulary, and the text needs it"));
    }
    out.push_back({*id, 0, static_cast<uint32_t>(piece.size())});
    return absl::OkStatus();
  }

 private:
  WordMap<int32_t> ids_;
  std::string unknown_;
};

class WordPiece final : public Model {
 public:
  WordPiece(Words words, std::string prefix, int64_t max_chars)
      : words_(std::move(words)),
        prefix_(std::move(prefix)),
        max_chars_(max_chars) {}

  absl::Status Encode(std::string_view piece,
                      std::vector<ModelToken>& out) const override {
    const size_t first = out.size();
    if (IsShort(piece) && AppendParts(piece, out)) return absl::OkStatus();
    out.resize(first);
    return words_.AppendUnknown(piece, out);
  }

 private:
  bool IsShort(std::string_view piece) const {
    int64_t characters = 0;
    for (size_t at = 0; at < piece.size(); at += Utf8Length(piece[at])) {
      if (++characters > max_chars_) return false;
    }
    return true;
  }

  // False when a part is unknown.
  bool AppendParts(std::string_view piece, std::vector<ModelToken>& out) const {
    std::string spelled;
    for (size_t begin = 0; begin < piece.size();) {
      spelled = begin > 0 ? prefix_ : "";
      const size_t prefix = spelled.size();
      spelled.append(piece.substr(begin));
      std::optional<int32_t> id;
      while (spelled.size() > prefix) {
        id = words_.Find(spelled);
        if (id.has_value()) break;
        while ((static_cast<uint8_t>(spelled.back()) & 0xC0) == 0x80) {
          spelled.pop_back();
        }
        spelled.pop_back();
      }
      if (!id.has_value()) return false;
      const size_t end = begin + spelled.size() - prefix;
      out.push_back(
          {*id, static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
      begin = end;
    }
    return true;
  }

  Words words_;
  std::string prefix_;
  int64_t max_chars_;
};

class WordLevel final : public Model {
 public:
  explicit WordLevel(Words words) : words_(std::move(words)) {}
  absl::Status Encode(std::string_view piece,
                      std::vector<ModelToken>& out) const override {
    const std::optional<int32_t> id = words_.Find(piece);
    if (!id.has_value()) return words_.AppendUnknown(piece, out);
    out.push_back({*id, 0, static_cast<uint32_t>(piece.size())});
    return absl::OkStatus();
  }

 private:
  Words words_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Model>> MakeWordPiece(const JsonValue& model,
                                                     const TokenTable& table) {
  ASSIGN_OR_RETURN(Words words, Words::FromJson(model, table, "[UNK]"));
  ASSIGN_OR_RETURN(std::string_view prefix,
                   model.GetStringOr("continuing_subword_prefix", "##"));
  ASSIGN_OR_RETURN(int64_t max_chars, model.GetIntOr("max_input_chars_per_word",
                                                     100, 0, kMaxCharsLimit));
  return std::make_unique<WordPiece>(std::move(words), std::string(prefix),
                                     max_chars);
}

absl::StatusOr<std::unique_ptr<Model>> MakeWordLevel(const JsonValue& model,
                                                     const TokenTable& table) {
  ASSIGN_OR_RETURN(Words words, Words::FromJson(model, table, "<unk>"));
  return std::make_unique<WordLevel>(std::move(words));
}

}  // namespace sluice::tokenizer
