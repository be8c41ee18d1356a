#include "services/tokenizer/core/pre_tokenizers/match_splitter.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/vocabulary/utf8.h"

namespace sluice::tokenizer {
namespace {

struct Segment {
  Piece piece;  // may be empty
  bool is_match;
};

// Puts segments of one text together as a behaviour wants it.
class Joiner {
 public:
  explicit Joiner(SplitBehavior behavior) : behavior_(behavior) {}

  void Add(const Segment& segment) {
    const bool match = segment.is_match;
    bool join = false;
    switch (behavior_) {
      case SplitBehavior::kRemoved:
        if (match) return;
        break;
      case SplitBehavior::kIsolated:
        break;
      case SplitBehavior::kContiguous:
        join = match == previous_match_;
        break;
      case SplitBehavior::kMergedWithPrevious:
        join = match && !previous_match_;
        break;
      case SplitBehavior::kMergedWithNext:
        join = !match && previous_match_;
        break;
    }
    previous_match_ = match;
    if (join && !pieces_.empty()) {
      pieces_.back().end = segment.piece.end;
    } else {
      pieces_.push_back(segment.piece);
    }
  }

  void AppendTo(std::vector<Piece>& out) const {
    for (const Piece& piece : pieces_) {
      if (piece.begin < piece.end) out.push_back(piece);
    }
  }

 private:
  SplitBehavior behavior_;
  bool previous_match_ = false;
  std::vector<Piece> pieces_;
};

// Turns matches into segments, with what lies between them.
class Cutter {
 public:
  Cutter(Piece piece, SplitBehavior behavior, bool invert)
      : piece_(piece), invert_(invert), joiner_(behavior) {}

  // Bytes [begin, end) of the piece.
  void Match(size_t begin, size_t end) {
    if (begin > done_) Add(done_, begin, false);
    Add(begin, end, true);
    done_ = end;
  }
  void Finish(std::vector<Piece>& out) {
    const size_t size = piece_.end - piece_.begin;
    if (done_ < size) Add(done_, size, false);
    joiner_.AppendTo(out);
  }

 private:
  void Add(size_t begin, size_t end, bool is_match) {
    joiner_.Add({{static_cast<uint32_t>(piece_.begin + begin),
                  static_cast<uint32_t>(piece_.begin + end)},
                 is_match != invert_});
  }

  Piece piece_;
  bool invert_;
  Joiner joiner_;
  size_t done_ = 0;
};

class PatternSplitter final : public Splitter {
 public:
  PatternSplitter(Pattern pattern, SplitBehavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}

  absl::Status Split(std::string_view text, Piece piece,
                     std::vector<Piece>& out) const override {
    Cutter cutter(piece, behavior_, invert_);
    RETURN_IF_ERROR(pattern_.ForEachMatch(
        piece.In(text),
        [&](size_t begin, size_t end) { cutter.Match(begin, end); }));
    cutter.Finish(out);
    return absl::OkStatus();
  }

 private:
  Pattern pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

class CharSplitter final : public Splitter {
 public:
  CharSplitter(CharSet delimiters, SplitBehavior behavior)
      : delimiters_(std::move(delimiters)), behavior_(behavior) {}

  absl::Status Split(std::string_view text, Piece piece,
                     std::vector<Piece>& out) const override {
    Cutter cutter(piece, behavior_, /*invert=*/false);
    const std::string_view part = piece.In(text);
    for (size_t at = 0; at < part.size();) {
      const size_t next = at + Utf8Length(part[at]);
      if (delimiters_.Contains(DecodeUtf8(part.data() + at))) {
        cutter.Match(at, next);
      }
      at = next;
    }
    cutter.Finish(out);
    return absl::OkStatus();
  }

 private:
  CharSet delimiters_;
  SplitBehavior behavior_;
};

}  // namespace

std::unique_ptr<Splitter> MakePatternSplitter(Pattern pattern,
                                              SplitBehavior behavior,
                                              bool invert) {
  return std::make_unique<PatternSplitter>(std::move(pattern), behavior,
                                           invert);
}

std::unique_ptr<Splitter> MakeCharSplitter(CharSet delimiters,
                                           SplitBehavior behavior) {
  return std::make_unique<CharSplitter>(std::move(delimiters), behavior);
}

absl::StatusOr<SplitBehavior> ReadSplitBehavior(const JsonValue& json,
                                                std::string_view key,
                                                std::string_view otherwise) {
  ASSIGN_OR_RETURN(std::string_view name, json.GetStringOr(key, otherwise));
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  return json.Error(absl::StrCat("unknown behavior \"",
                                 absl::string_view(name.data(), name.size()),
                                 "\""));
}

}  // namespace sluice::tokenizer
