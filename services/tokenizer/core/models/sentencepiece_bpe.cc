#include "services/tokenizer/core/models/sentencepiece_bpe.h"

#include <algorithm>
#include <array>
#include <optional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_format.h"
#include "common/base/status_macros.h"
#include "common/vocabulary/utf8.h"
#include "services/tokenizer/core/models/word_cache.h"

namespace sluice::tokenizer {
namespace {

struct Known {
  int32_t id;
  double score;
  PieceKind kind;
};

// What all texts share. Threads: any (immutable).
struct Pieces {
  WordMap<Known> known;  // normal, user-defined and unused ones
  std::array<std::vector<std::string>, 256> user_defined;  // longest first
  std::array<int32_t, 256> byte_ids{};                     // -1: no such piece
  size_t longest = 0;                                      // bytes
  int32_t unknown_id = -1;
  bool byte_fallback = false;

  const Known* Find(std::string_view text) const {
    if (text.size() > longest) return nullptr;
    auto found = known.find(text);
    return found == known.end() ? nullptr : &found->second;
  }
};

// One text on its way. Threads: one at a time.
class Merger {
 public:
  Merger(const Pieces& pieces, std::string_view text)
      : pieces_(pieces), text_(text) {
    AddSymbols();
    for (int32_t i = 1; i < static_cast<int32_t>(symbols_.size()); ++i) {
      Offer(i - 1, i);
    }
  }

  void Run() {
    while (!agenda_.empty()) {
      const Candidate top = agenda_.top();
      agenda_.pop();
      Symbol& left = symbols_[top.left];
      Symbol& right = symbols_[top.right];
      if (left.size == 0 || right.size == 0 ||
          left.size + right.size != top.size) {
        continue;
      }
      left.size += right.size;
      right.size = 0;
      left.next = right.next;
      if (right.next >= 0) symbols_[right.next].previous = top.left;
      Offer(left.previous, top.left);
      Offer(top.left, left.next);
    }
  }

  absl::Status AppendTo(std::vector<ModelToken>& out) const {
    std::vector<Part> todo;  // unused pieces come apart again
    for (int32_t i = symbols_.empty() ? -1 : 0; i >= 0; i = symbols_[i].next) {
      todo.push_back({symbols_[i].begin, symbols_[i].size});
      while (!todo.empty()) {
        const Part part = todo.back();
        todo.pop_back();
        const Known* known = pieces_.Find(In(part));
        const auto made = known != nullptr && known->kind == PieceKind::kUnused
                              ? made_from_.find(In(part))
                              : made_from_.end();
        if (made == made_from_.end()) {
          RETURN_IF_ERROR(Append(part, known, out));
          continue;
        }
        const uint32_t left = made->second;
        todo.push_back({part.begin + left, part.size - left});
        todo.push_back({part.begin, left});
      }
    }
    return absl::OkStatus();
  }

 private:
  struct Symbol {
    int32_t previous;
    int32_t next;
    uint32_t begin;
    uint32_t size;  // 0 once it is part of the one before
    bool frozen;
  };
  struct Part {
    uint32_t begin;
    uint32_t size;
  };
  struct Candidate {
    double score;
    int32_t left;
    int32_t right;
    uint32_t size;
    bool operator<(const Candidate& other) const {  // the top is greatest
      return score < other.score || (score == other.score && left > other.left);
    }
  };

  std::string_view In(Part part) const {
    return text_.substr(part.begin, part.size);
  }

  // Characters, but for user-defined pieces, which stay whole.
  void AddSymbols() {
    for (uint32_t begin = 0; begin < text_.size();) {
      auto size = static_cast<uint32_t>(Utf8Length(text_[begin]));
      bool frozen = false;
      for (const std::string& symbol :
           pieces_.user_defined[static_cast<uint8_t>(text_[begin])]) {
        if (!text_.substr(begin).starts_with(symbol)) continue;
        size = static_cast<uint32_t>(symbol.size());
        frozen = true;
        break;
      }
      const auto index = static_cast<int32_t>(symbols_.size());
      symbols_.push_back({index - 1, index + 1, begin, size, frozen});
      begin += size;
    }
    if (!symbols_.empty()) symbols_.back().next = -1;
  }

  void Offer(int32_t left, int32_t right) {
    if (left < 0 || right < 0 || symbols_[left].frozen ||
        symbols_[right].frozen) {
      return;
    }
    const Part part{symbols_[left].begin,
                    symbols_[left].size + symbols_[right].size};
    const Known* known = pieces_.Find(In(part));
    if (known == nullptr) return;
    agenda_.push({known->score, left, right, part.size});
    if (known->kind == PieceKind::kUnused) {
      made_from_[In(part)] = symbols_[left].size;
    }
  }

  absl::Status Append(Part part, const Known* known,
                      std::vector<ModelToken>& out) const {
    const uint32_t end = part.begin + part.size;
    if (known != nullptr) {
      out.push_back({known->id, part.begin, end});
      return absl::OkStatus();
    }
    const std::string_view text = In(part);
    const bool bytes = pieces_.byte_fallback &&
                       std::all_of(text.begin(), text.end(), [this](char c) {
                         return pieces_.byte_ids[static_cast<uint8_t>(c)] >= 0;
                       });
    if (bytes) {
      for (char c : text) {
        out.push_back(
            {pieces_.byte_ids[static_cast<uint8_t>(c)], part.begin, end});
      }
      return absl::OkStatus();
    }
    if (pieces_.unknown_id < 0) {
      return absl::InvalidArgumentError(
          "tokenizer.model: it has no unknown piece, and the text needs one");
    }
    if (!out.empty() && out.back().id == pieces_.unknown_id &&
        out.back().end == part.begin) {
      out.back().end = end;
    } else {
      out.push_back({pieces_.unknown_id, part.begin, end});
    }
    return absl::OkStatus();
  }

  const Pieces& pieces_;
  std::string_view text_;
  std::vector<Symbol> symbols_;
  std::priority_queue<Candidate> agenda_;
  // Unused piece -> bytes of its left part.
  absl::flat_hash_map<std::string_view, uint32_t> made_from_;
};

class SentencePieceBpe final : public Model {
 public:
  explicit SentencePieceBpe(Pieces pieces) : pieces_(std::move(pieces)) {}
  absl::Status Encode(std::string_view piece,
                      std::vector<ModelToken>& out) const override {
    Merger merger(pieces_, piece);
    merger.Run();
    return merger.AppendTo(out);
  }

 private:
  Pieces pieces_;
};

void Add(const ScoredPiece& piece, int32_t id, Pieces& pieces) {
  switch (piece.kind) {
    case PieceKind::kUnknown:
      pieces.unknown_id = id;
      return;
    case PieceKind::kControl:
    case PieceKind::kByte:
      return;
    case PieceKind::kUserDefined:
      if (piece.spelling.empty()) return;
      pieces.user_defined[static_cast<uint8_t>(piece.spelling[0])].push_back(
          std::string(piece.spelling));
      break;
    default:
      break;
  }
  pieces.known.emplace(std::string(piece.spelling),
                       Known{id, piece.score, piece.kind});
  pieces.longest = std::max(pieces.longest, piece.spelling.size());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Model>> MakeSentencePieceBpe(
    const JsonValue& model, const TokenTable& table) {
  Pieces pieces;
  ASSIGN_OR_RETURN(pieces.byte_fallback,
                   model.GetBoolOr("byte_fallback", false));
  for (size_t id = 0; id < table.pieces.size(); ++id) {
    Add(table.pieces[id], static_cast<int32_t>(id), pieces);
  }
  for (std::vector<std::string>& symbols : pieces.user_defined) {
    std::stable_sort(symbols.begin(), symbols.end(),
                     [](const std::string& a, const std::string& b) {
                       return a.size() > b.size();
                     });
  }
  for (int byte = 0; byte < 256; ++byte) {
    auto found = table.model_ids.find(absl::StrFormat("<0x%02X>", byte));
    pieces.byte_ids[byte] = found == table.model_ids.end() ? -1 : found->second;
  }
  return std::make_unique<SentencePieceBpe>(std::move(pieces));
}

}  // namespace sluice::tokenizer
