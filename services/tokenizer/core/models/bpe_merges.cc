#include "services/tokenizer/core/models/bpe_merges.h"

#include <limits>
#include <queue>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace sluice::tokenizer {
namespace {

constexpr size_t kFewTokens = 40;
constexpr uint32_t kNoRank = std::numeric_limits<uint32_t>::max();

uint64_t PairKey(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 |
         static_cast<uint32_t>(right);
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

absl::StatusOr<BpeMerges> BpeMerges::FromJson(const JsonValue& model,
                                              const TokenTable& table,
                                              std::string_view prefix) {
  BpeMerges made;
  ASSIGN_OR_RETURN(JsonValue list, model.Get("merges"));
  ASSIGN_OR_RETURN(size_t count, list.Size());
  made.merges_.reserve(count);
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
        made.merges_[PairKey(left, right)] = Merge{rank++, id};
        return absl::OkStatus();
      }));
  return made;
}

const BpeMerges::Merge* BpeMerges::Find(int32_t left, int32_t right) const {
  auto found = merges_.find(PairKey(left, right));
  return found == merges_.end() ? nullptr : &found->second;
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
    const Merge* merge = Find(at[i].id, at[i + 1].id);
    pairs[i] = merge != nullptr ? *merge : Merge{kNoRank, 0};
  };
  for (size_t i = 0; i + 1 < count; ++i) look(i);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i) {
      if (pairs[i].rank < pairs[best].rank) best = i;
    }
    if (pairs[best].rank == kNoRank) break;
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

// A linked list of tokens and a heap of the pairs that could be merged; an
// entry whose tokens have changed since is skipped.
class BpeMerges::Merger {
 public:
  Merger(const BpeMerges& merges, ModelToken* tokens, uint32_t count)
      : merges_(merges), tokens_(tokens), links_(count) {
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
    const Merge* merge = merges_.Find(left, right);
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
    tokens_[at] = {candidate.id, tokens_[at].begin, tokens_[gone].end};
    tokens_[gone].id = -1;
    const uint32_t after = links_[gone].next;
    links_[at].next = after;
    links_[gone].next = kNone;
    if (after != kNone) links_[after].previous = at;
    if (links_[at].previous != kNone) Offer(links_[at].previous);
    Offer(at);
  }

  const BpeMerges& merges_;
  ModelToken* tokens_;
  std::vector<Link> links_;
  std::priority_queue<Candidate> heap_;
};

void BpeMerges::MergeMany(size_t first, std::vector<ModelToken>& tokens) const {
  Merger merger(*this, tokens.data() + first,
                static_cast<uint32_t>(tokens.size() - first));
  merger.Run();
  tokens.resize(first + merger.Compact());
}

}  // namespace sluice::tokenizer
