#include "common/vocabulary/token_table.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/vocabulary/byte_alphabet.h"

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

absl::Status ReadModelIds(const JsonValue& vocab, TokenTable& table) {
  if (!vocab.IsObject()) {
    return absl::UnimplementedError(
        "tokenizer.json: model.vocab: only an object of ids is supported");
  }
  ASSIGN_OR_RETURN(size_t count, vocab.Size());
  table.model_ids.reserve(count);
  return vocab.ForEachMember(
      [&](std::string_view spelling, const JsonValue& value) -> absl::Status {
        ASSIGN_OR_RETURN(int32_t id, ReadId(value));
        table.model_ids.emplace(spelling, id);
        return absl::OkStatus();
      });
}

absl::StatusOr<AddedToken> ReadAddedToken(const JsonValue& value,
                                          const TokenTable& table) {
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
  auto of_model = table.model_ids.find(content);
  if (of_model != table.model_ids.end()) token.id = of_model->second;
  return token;
}

absl::Status ReadAdded(const JsonValue& root, TokenTable& table) {
  std::optional<JsonValue> added = root.Find("added_tokens");
  if (!added.has_value()) return absl::OkStatus();
  return added->ForEachElement([&](const JsonValue& value) -> absl::Status {
    ASSIGN_OR_RETURN(AddedToken token, ReadAddedToken(value, table));
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
  for (const AddedToken& token : table.added) {
    highest = std::max(highest, token.id);
  }
  table.size = highest + 1;
  const int64_t used =
      static_cast<int64_t>(table.model_ids.size() + table.added.size());
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

absl::Status UnsupportedDecoder(std::string_view what) {
  return absl::UnimplementedError(
      absl::StrCat("tokenizer.json: decoder: ", View(what),
                   " is not supported, only ByteLevel is"));
}

absl::Status RequireByteLevel(const JsonValue& decoder) {
  ASSIGN_OR_RETURN(std::string_view type, decoder.GetString("type"));
  if (type == "ByteLevel") return absl::OkStatus();
  if (type != "Sequence") return UnsupportedDecoder(type);
  ASSIGN_OR_RETURN(JsonValue parts, decoder.Get("decoders"));
  ASSIGN_OR_RETURN(size_t count, parts.Size());
  if (count != 1) {
    return UnsupportedDecoder(absl::StrCat("a Sequence of ", count));
  }
  return parts.ForEachElement(
      [](const JsonValue& part) { return RequireByteLevel(part); });
}

// A spelling with a character outside the alphabet stands for its own bytes.
std::string BytesOf(const ByteAlphabet& alphabet, std::string_view spelling) {
  std::optional<std::string> bytes = alphabet.BytesOf(spelling);
  return bytes.has_value() ? *std::move(bytes) : std::string(spelling);
}

}  // namespace

absl::StatusOr<TokenTable> ReadTokenTable(const JsonValue& root) {
  TokenTable table;
  ASSIGN_OR_RETURN(JsonValue model, root.Get("model"));
  ASSIGN_OR_RETURN(JsonValue vocab, model.Get("vocab"));
  RETURN_IF_ERROR(ReadModelIds(vocab, table));
  RETURN_IF_ERROR(ReadAdded(root, table));
  RETURN_IF_ERROR(CheckIds(table));
  return table;
}

absl::StatusOr<Vocabulary> MakeVocabulary(const JsonValue& root,
                                          const TokenTable& table) {
  std::optional<JsonValue> decoder = root.Find("decoder");
  if (!decoder.has_value()) return UnsupportedDecoder("none");
  RETURN_IF_ERROR(RequireByteLevel(*decoder));
  const ByteAlphabet alphabet;
  std::vector<VocabularyEntry> entries(table.size);
  for (const auto& [spelling, id] : table.model_ids) {
    entries[id].bytes = BytesOf(alphabet, spelling);
  }
  for (const AddedToken& token : table.added) {
    entries[token.id].bytes = BytesOf(alphabet, token.content);
    entries[token.id].special |= token.special;
  }
  return Vocabulary::Create(std::move(entries), DecodeRules{});
}

absl::StatusOr<Vocabulary> ReadVocabulary(const std::string& directory) {
  ASSIGN_OR_RETURN(
      JsonDocument document,
      JsonDocument::ReadFile(directory + "/tokenizer.json", JsonLimits{}));
  ASSIGN_OR_RETURN(TokenTable table, ReadTokenTable(document.root()));
  return MakeVocabulary(document.root(), table);
}

}  // namespace sluice
