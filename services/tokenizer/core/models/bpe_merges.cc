#include "services/tokenizer/core/models/bpe_merges.h"

#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "services/tokenizer/core/models/rank_heap.h"

namespace sluice::tokenizer {
namespace {

constexpr size_t kFewTokens = 40;

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

absl::StatusOr<BpeMerges> BpeMerges::FromJson(const JsonValue& model,
                                              const TokenTable& table,
                                              std::string_view prefix) {
  ASSIGN_OR_RETURN(JsonValue list, model.Get("merges"));
  ASSIGN_OR_RETURN(size_t count, list.Size());
  BpeMerges made(count);
  uint32_t rank = 0;
  std::string result;
  RETURN_IF_ERROR(
      list.ForEachElement([&](const JsonValue& value) -> absl::Status {
        ASSIGN_OR_RETURN(MergeParts parts, ReadParts(value));
        ASSIGN_OR_RETURN(int32_t left, IdOf(value, table, parts.left));
        ASSIGN_OR_RETURN(int32_t right, IdOf(value, table, parts.right));
        if (parts.right.size() < prefix.size()) {
          return value.Error("the right part is shorter than the prefix");
        }
        result.assign(parts.left).append(parts.right.substr(prefix.size()));
        ASSIGN_OR_RETURN(int32_t id, IdOf(value, table, result));
        made.merges_.Insert(left, right, {rank++, id});
        return absl::OkStatus();
      }));
  return made;
}

void BpeMerges::Apply(size_t first, std::vector<ModelToken>& tokens) const {
  if (tokens.size() - first <= kFewTokens) {
    MergeFew(first, tokens);
  } else {
    MergeMany(first, tokens);
  }
}

void BpeMerges::MergeFew(size_t first, std::vector<ModelToken>& tokens) const {
  size_t count = tokens.size() - first;
  if (count < 2) return;
  ModelToken* const at = tokens.data() + first;
  Merge pairs[kFewTokens];  // pairs[i] joins at[i] and at[i + 1]
  const auto look = [&](size_t i) {
    pairs[i] = merges_.Find(at[i].id, at[i + 1].id);
  };
  for (size_t i = 0; i + 1 < count; ++i) look(i);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i) {
      if (pairs[i].rank < pairs[best].rank) best = i;
    }
    if (pairs[best].rank == Merge::kNoRank) break;
    at[best] = {pairs[best].id, at[best].begin, at[best + 1].end};
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

// A linked list of tokens and a heap of the pairs that could be merged, lowest
// rank first, leftmost of equals; an entry whose pair has another rank since is
// skipped.
class BpeMerges::Merger {
 public:
  Merger(const MergeTable& merges, ModelToken* tokens, uint32_t count)
      : merges_(merges),
        tokens_(tokens),
        nodes_(count),
        heap_(FirstEntries(count)) {}

  void Run() {
    while (!heap_.empty()) {
      const uint64_t top = heap_.Pop();
      const auto at = static_cast<uint32_t>(top);
      if (nodes_[at].merge.rank == top >> 32) Join(at);
    }
  }

  // Moves what is left together; returns how many.
  size_t Compact() {
    size_t kept = 0;
    for (uint32_t i = 0; i != kNone; i = nodes_[i].next) {
      tokens_[kept++] = tokens_[i];
    }
    return kept;
  }

 private:
  static constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
  struct Node {
    uint32_t previous;
    uint32_t next;
    Merge merge;  // with the next token
  };

  uint64_t Entry(uint32_t at) const {
    return static_cast<uint64_t>(nodes_[at].merge.rank) << 32 | at;
  }

  void Look(uint32_t at) {
    const uint32_t next = nodes_[at].next;
    nodes_[at].merge = next == kNone
                           ? Merge{}
                           : merges_.Find(tokens_[at].id, tokens_[next].id);
  }

  // Links the tokens to their neighbours.
  std::vector<uint64_t> FirstEntries(uint32_t count) {
    std::vector<uint64_t> entries;
    entries.reserve(count);
    for (uint32_t i = 0; i < count; ++i) {
      nodes_[i].previous = i == 0 ? kNone : i - 1;
      nodes_[i].next = i + 1 == count ? kNone : i + 1;
      Look(i);
      if (nodes_[i].merge.rank != Merge::kNoRank) entries.push_back(Entry(i));
    }
    return entries;
  }

  void Offer(uint32_t at) {
    Look(at);
    if (nodes_[at].merge.rank != Merge::kNoRank) heap_.Push(Entry(at));
  }

  void Join(uint32_t at) {
    const uint32_t gone = nodes_[at].next;
    tokens_[at] = {nodes_[at].merge.id, tokens_[at].begin, tokens_[gone].end};
    nodes_[gone].merge = {};
    const uint32_t after = nodes_[gone].next;
    nodes_[at].next = after;
    if (after != kNone) nodes_[after].previous = at;
    if (nodes_[at].previous != kNone) Offer(nodes_[at].previous);
    Offer(at);
  }

  const MergeTable& merges_;
  ModelToken* tokens_;
  std::vector<Node> nodes_;
  RankHeap heap_;  // rank, then place
};

void BpeMerges::MergeMany(size_t first, std::vector<ModelToken>& tokens) const {
  Merger merger(merges_, tokens.data() + first,
                static_cast<uint32_t>(tokens.size() - first));
  merger.Run();
  tokens.resize(first + merger.Compact());
}

}  // namespace sluice::tokenizer
