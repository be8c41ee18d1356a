#include "services/tokenizer/core/bpe_trainer.h"

#include <algorithm>
#include <queue>
#include <tuple>

#include "absl/strings/str_cat.h"

namespace sluice::tokenizer {
namespace {

using Pair = std::pair<int32_t, int32_t>;

// Bytes of the UTF-8 character that starts with `lead`; 1 for stray bytes.
size_t CharacterBytes(unsigned char lead) {
  if (lead >= 0xF0) return 4;
  if (lead >= 0xE0) return 3;
  if (lead >= 0xC0) return 2;
  return 1;
}

// U+2E80 and above begin with E2 BA 80; all of them are wide or rare.
bool IsWide(std::string_view character) {
  return character >= std::string_view("\xE2\xBA\x80");
}

class Trainer {
 public:
  explicit Trainer(const std::vector<std::pair<std::string, int64_t>>& words) {
    for (int32_t byte = 0; byte < 256; ++byte) {
      result_.tokens.emplace_back(1, static_cast<char>(byte));
    }
    for (const auto& [bytes, count] : words) {
      Word word{{}, count};
      for (const char byte : bytes) {
        word.ids.push_back(static_cast<unsigned char>(byte));
      }
      words_.push_back(std::move(word));
      CountPairs(static_cast<int32_t>(words_.size()) - 1, +1);
    }
    for (const auto& [pair, count] : counts_) queue_.push({count, pair});
  }

  TrainedBpe Learn(size_t size) {
    while (result_.tokens.size() < size && !queue_.empty()) {
      const Candidate best = queue_.top();
      queue_.pop();
      const int64_t count = counts_[best.pair];
      if (count < 2) continue;
      // The queue keeps old counts; a pair that lost some waits again.
      if (count != best.count) {
        queue_.push({count, best.pair});
        continue;
      }
      Merge(best.pair);
    }
    return std::move(result_);
  }

 private:
  struct Word {
    std::vector<int32_t> ids;
    int64_t count = 0;
  };
  struct Candidate {
    int64_t count;
    Pair pair;
    bool operator<(const Candidate& other) const {
      return std::tie(count, other.pair) < std::tie(other.count, pair);
    }
  };

  void CountPairs(int32_t index, int64_t sign) {
    const Word& word = words_[static_cast<size_t>(index)];
    for (size_t i = 0; i + 1 < word.ids.size(); ++i) {
      const Pair pair{word.ids[i], word.ids[i + 1]};
      counts_[pair] += sign * word.count;
      if (sign < 0) continue;
      places_[pair].push_back(index);
      changed_.push_back(pair);
    }
  }

  void Merge(Pair pair) {
    const auto id = static_cast<int32_t>(result_.tokens.size());
    result_.tokens.push_back(result_.tokens[static_cast<size_t>(pair.first)] +
                             result_.tokens[static_cast<size_t>(pair.second)]);
    result_.merges.push_back(pair);
    std::vector<int32_t> places = std::move(places_[pair]);
    std::sort(places.begin(), places.end());
    places.erase(std::unique(places.begin(), places.end()), places.end());
    changed_.clear();
    for (const int32_t index : places) Rewrite(index, pair, id);
    std::sort(changed_.begin(), changed_.end());
    changed_.erase(std::unique(changed_.begin(), changed_.end()),
                   changed_.end());
    for (const Pair& next : changed_) queue_.push({counts_[next], next});
  }

  void Rewrite(int32_t index, Pair pair, int32_t id) {
    CountPairs(index, -1);
    std::vector<int32_t>& ids = words_[static_cast<size_t>(index)].ids;
    size_t kept = 0;
    for (size_t i = 0; i < ids.size(); ++kept) {
      const bool joins = i + 1 < ids.size() && ids[i] == pair.first &&
                         ids[i + 1] == pair.second;
      ids[kept] = joins ? id : ids[i];
      i += joins ? 2 : 1;
    }
    ids.resize(kept);
    CountPairs(index, +1);
  }

  std::vector<Word> words_;
  absl::flat_hash_map<Pair, int64_t> counts_;
  // Words that hold, or once held, a pair.
  absl::flat_hash_map<Pair, std::vector<int32_t>> places_;
  std::priority_queue<Candidate> queue_;
  std::vector<Pair> changed_;
  TrainedBpe result_;
};

}  // namespace

void WordCounts::Add(std::string_view piece) {
  size_t begin = 0;
  for (size_t at = 0; at < piece.size();) {
    const size_t bytes =
        std::min(CharacterBytes(static_cast<unsigned char>(piece[at])),
                 piece.size() - at);
    if (IsWide(piece.substr(at, bytes))) {
      if (at > begin) ++counts_[std::string(piece.substr(begin, at - begin))];
      ++counts_[std::string(piece.substr(at, bytes))];
      begin = at + bytes;
    }
    at += bytes;
  }
  if (begin < piece.size()) ++counts_[std::string(piece.substr(begin))];
}

std::vector<std::pair<std::string, int64_t>> WordCounts::Sorted() const {
  std::vector<std::pair<std::string, int64_t>> words(counts_.begin(),
                                                     counts_.end());
  std::sort(words.begin(), words.end());
  return words;
}

absl::StatusOr<TrainedBpe> TrainBpe(
    const std::vector<std::pair<std::string, int64_t>>& words,
    int32_t vocabulary_size) {
  if (vocabulary_size < 256 || vocabulary_size > (1 << 20)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "vocabulary_size: got ", vocabulary_size, ", limit 256..", 1 << 20));
  }
  return Trainer(words).Learn(static_cast<size_t>(vocabulary_size));
}

}  // namespace sluice::tokenizer
