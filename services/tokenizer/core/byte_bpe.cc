#include "services/tokenizer/core/byte_bpe.h"

#include <limits>
#include <optional>
#include <queue>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/vocabulary/byte_alphabet.h"
#include "common/vocabulary/utf8.h"

namespace sluice::tokenizer {
namespace {

constexpr size_t kFewTokens = 40;
constexpr uint32_t kNoRank = std::numeric_limits<uint32_t>::max();

uint64_t PairKey(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 |
         static_cast<uint32_t>(right);
}

absl::Status Unsupported(std::string_view option) {
  return absl::UnimplementedError(absl::StrCat(
      "tokenizer.json: model.", absl::string_view(option.data(), option.size()),
      " is not supported"));
}

absl::Status RefuseOtherOptions(const JsonValue& model) {
  ASSIGN_OR_RETURN(double dropout, model.GetDoubleOr("dropout", 0));
  if (dropout != 0) return Unsupported("dropout other than 0");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    ASSIGN_OR_RETURN(std::string_view value, model.GetStringOr(key, ""));
    if (!value.empty()) return Unsupported(key);
  }
  return absl::OkStatus();
}

struct MergeParts {
  std::string_view left;
  std::string_view right;
};

// "left right" or ["left", "right"].
absl::StatusOr<MergeParts> ReadParts(const JsonValue& value) {
  if (value.IsString()) {
    ASSIGN_OR_RETURN(std::string_view both, value.AsString());
    const size_t space = both.find(' ');
    if (space == std::string_view::npos || space != both.rfind(' ')) {
      return value.Error("a merge must be two tokens with one space between");
    }
    return MergeParts{both.substr(0, space), both.substr(space + 1)};
  }
  std::vector<std::string_view> parts;
  RETURN_IF_ERROR(
      value.ForEachElement([&](const JsonValue& part) -> absl::Status {
        ASSIGN_OR_RETURN(std::string_view text, part.AsString());
        parts.push_back(text);
        return absl::OkStatus();
      }));
  if (parts.size() != 2) {
    return value.Error(
        absl::StrCat("a merge must be two tokens, got ", parts.size()));
  }
  return MergeParts{parts[0], parts[1]};
}

absl::StatusOr<int32_t> IdOf(const JsonValue& merge, const TokenTable& table,
                             std::string_view spelling) {
  auto found = table.model_ids.find(spelling);
  if (found == table.model_ids.end()) {
    return merge.Error(
        absl::StrCat("\"", absl::string_view(spelling.data(), spelling.size()),
                     "\" is not in model.vocab"));
  }
  return found->second;
}

}  // namespace

absl::Status ByteBpe::ReadMerges(const JsonValue& model,
                                 const TokenTable& table) {
  ASSIGN_OR_RETURN(JsonValue list, model.Get("merges"));
  ASSIGN_OR_RETURN(size_t count, list.Size());
  merges_.reserve(count);
  uint32_t rank = 0;
  std::string result;
  return list.ForEachElement([&](const JsonValue& value) -> absl::Status {
    ASSIGN_OR_RETURN(MergeParts parts, ReadParts(value));
    ASSIGN_OR_RETURN(int32_t left, IdOf(value, table, parts.left));
    ASSIGN_OR_RETURN(int32_t right, IdOf(value, table, parts.right));
    result.assign(parts.left).append(parts.right);
    ASSIGN_OR_RETURN(int32_t id, IdOf(value, table, result));
    merges_[PairKey(left, right)] = Merge{rank++, id};
    return absl::OkStatus();
  });
}

absl::Status ByteBpe::ReadBytes(const JsonValue& model,
                                const TokenTable& table) {
  const ByteAlphabet alphabet;
  bool complete = true;
  for (int byte = 0; byte < 256; ++byte) {
    std::string letter;
    AppendUtf8(alphabet.LetterOf(static_cast<uint8_t>(byte)), letter);
    auto found = table.model_ids.find(letter);
    byte_ids_[byte] = found == table.model_ids.end() ? -1 : found->second;
    complete &= byte_ids_[byte] >= 0;
  }
  if (complete) return absl::OkStatus();  // nothing can be unknown
  ASSIGN_OR_RETURN(std::string_view unk, model.GetStringOr("unk_token", ""));
  if (!unk.empty()) return Unsupported("unk_token with bytes missing");
  ASSIGN_OR_RETURN(bool fallback, model.GetBoolOr("byte_fallback", false));
  if (fallback) return Unsupported("byte_fallback");
  return absl::OkStatus();
}

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
  RETURN_IF_ERROR(RefuseOtherOptions(model));
  std::unique_ptr<ByteBpe> bpe(new ByteBpe());
  RETURN_IF_ERROR(bpe->ReadBytes(model, table));
  RETURN_IF_ERROR(bpe->ReadMerges(model, table));
  ASSIGN_OR_RETURN(bool whole, model.GetBoolOr("ignore_merges", false));
  if (whole) bpe->ReadWholeWords(table);
  return bpe;
}

const ByteBpe::Merge* ByteBpe::FindMerge(int32_t left, int32_t right) const {
  auto found = merges_.find(PairKey(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

void ByteBpe::AppendBytes(std::string_view piece,
                          std::vector<ModelToken>& out) const {
  for (char c : piece) {
    const int32_t id = byte_ids_[static_cast<uint8_t>(c)];
    if (id >= 0) out.push_back({id, 1});
  }
}

void ByteBpe::Encode(std::string_view piece,
                     std::vector<ModelToken>& out) const {
  if (piece.size() > 1 && cache_.Find(piece, out)) return;
  const size_t first = out.size();
  auto whole = whole_words_.find(piece);
  if (whole != whole_words_.end()) {
    out.push_back({whole->second, static_cast<uint32_t>(piece.size())});
    return;
  }
  AppendBytes(piece, out);
  if (out.size() - first <= kFewTokens) {
    MergeFew(first, out);
  } else {
    MergeMany(first, out);
  }
  if (piece.size() > 1) {
    cache_.Insert(piece, out.data() + first, out.size() - first);
  }
}

void ByteBpe::MergeFew(size_t first, std::vector<ModelToken>& tokens) const {
  size_t count = tokens.size() - first;
  if (count < 2) return;
  ModelToken* const at = tokens.data() + first;
  Merge pairs[kFewTokens];  // pairs[i] joins at[i] and at[i + 1]
  const auto look = [&](size_t i) {
    const Merge* merge = FindMerge(at[i].id, at[i + 1].id);
    pairs[i] = merge != nullptr ? *merge : Merge{kNoRank, 0};
  };
  for (size_t i = 0; i + 1 < count; ++i) look(i);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i) {
      if (pairs[i].rank < pairs[best].rank) best = i;
    }
    if (pairs[best].rank == kNoRank) break;
    at[best] = {pairs[best].id, at[best].bytes + at[best + 1].bytes};
    --count;
    for (size_t i = best + 1; i < count; ++i) {
      at[i] = at[i + 1];
      pairs[i - 1] = pairs[i];
    }
    if (best > 0) look(best - 1);
    if (best + 1 < count) look(best);
  }
  tokens.resize(first + count);
}

// A linked list of tokens and a heap of the pairs that could be merged; an
// entry whose tokens have changed since is skipped.
class ByteBpe::Merger {
 public:
  Merger(const ByteBpe& bpe, ModelToken* tokens, uint32_t count)
      : bpe_(bpe), tokens_(tokens), links_(count) {
    for (uint32_t i = 0; i < count; ++i) {
      links_[i] = {i == 0 ? kNone : i - 1, i + 1 == count ? kNone : i + 1};
    }
    for (uint32_t i = 0; i + 1 < count; ++i) Offer(i);
  }

  void Run() {
    while (!heap_.empty()) {
      const Candidate top = heap_.top();
      heap_.pop();
      if (IsCurrent(top)) Apply(top);
    }
  }

  // Moves what is left together; returns how many.
  size_t Compact() {
    size_t kept = 0;
    for (uint32_t i = 0; i != kNone; i = links_[i].next) {
      tokens_[kept++] = tokens_[i];
    }
    return kept;
  }

 private:
  static constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
  struct Link {
    uint32_t previous;
    uint32_t next;
  };
  struct Candidate {
    uint32_t rank;
    uint32_t at;
    int32_t left;
    int32_t right;
    int32_t id;
    bool operator<(const Candidate& other) const {  // the heap's top is least
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };

  void Offer(uint32_t at) {
    const uint32_t next = links_[at].next;
    if (next == kNone) return;
    const int32_t left = tokens_[at].id;
    const int32_t right = tokens_[next].id;
    const Merge* merge = bpe_.FindMerge(left, right);
    if (merge != nullptr) {
      heap_.push({merge->rank, at, left, right, merge->id});
    }
  }

  bool IsCurrent(const Candidate& candidate) const {
    const uint32_t next = links_[candidate.at].next;
    return tokens_[candidate.at].id == candidate.left && next != kNone &&
           tokens_[next].id == candidate.right;
  }

  void Apply(const Candidate& candidate) {
    const uint32_t at = candidate.at;
    const uint32_t gone = links_[at].next;
    tokens_[at] = {candidate.id, tokens_[at].bytes + tokens_[gone].bytes};
    tokens_[gone].id = -1;
    const uint32_t after = links_[gone].next;
    links_[at].next = after;
    links_[gone].next = kNone;
    if (after != kNone) links_[after].previous = at;
    if (links_[at].previous != kNone) Offer(links_[at].previous);
    Offer(at);
  }

  const ByteBpe& bpe_;
  ModelToken* tokens_;
  std::vector<Link> links_;
  std::priority_queue<Candidate> heap_;
};

void ByteBpe::MergeMany(size_t first, std::vector<ModelToken>& tokens) const {
  Merger merger(*this, tokens.data() + first,
                static_cast<uint32_t>(tokens.size() - first));
  merger.Run();
  tokens.resize(first + merger.Compact());
}

}  // namespace sluice::tokenizer
