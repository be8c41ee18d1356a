#include "services/tokenizer/core/normalizers/normalized_text.h"

#include <algorithm>
#include <utility>

namespace sluice::tokenizer {
namespace {

// Puts two lists of changes together, one from the original to a middle text
// and one from there to the new text. Changes that overlap in the middle text
// become one.
class Composer {
 public:
  Composer(const std::vector<TextChange>& first,
           const std::vector<TextChange>& second)
      : first_(first), second_(second) {}

  std::vector<TextChange> Run() {
    std::vector<TextChange> composed;
    while (i_ < first_.size() || j_ < second_.size()) {
      uint32_t begin = std::min(FirstBegin(), SecondBegin());
      const uint32_t original_begin = ToOriginal(begin);
      const uint32_t new_begin = ToNew(begin);
      uint32_t end = begin;
      // Of those that start at one place the empty ones come first, alone.
      do {
        end = std::max(end, TakeNext());
      } while (std::min(FirstBegin(), SecondBegin()) < end);
      composed.push_back(
          {new_begin, ToNew(end), original_begin, ToOriginal(end)});
    }
    return composed;
  }

 private:
  static constexpr uint32_t kNone = ~uint32_t{0};

  uint32_t FirstBegin() const {
    return i_ < first_.size() ? first_[i_].begin : kNone;
  }
  uint32_t SecondBegin() const {
    return j_ < second_.size() ? second_[j_].original_begin : kNone;
  }
  // Through the changes taken so far; wraps around, as offsets may be negative.
  uint32_t ToOriginal(uint32_t middle) const {
    return middle + original_shift_;
  }
  uint32_t ToNew(uint32_t middle) const { return middle + new_shift_; }

  // Takes the change that starts next; returns its end in the middle text.
  uint32_t TakeNext() {
    const bool take_first =
        FirstBegin() < SecondBegin() ||
        (FirstBegin() == SecondBegin() && first_[i_].begin == first_[i_].end);
    if (take_first) {
      const TextChange& change = first_[i_++];
      original_shift_ = change.original_end - change.end;
      return change.end;
    }
    const TextChange& change = second_[j_++];
    new_shift_ = change.end - change.original_end;
    return change.original_end;
  }

  const std::vector<TextChange>& first_;
  const std::vector<TextChange>& second_;
  size_t i_ = 0;
  size_t j_ = 0;
  uint32_t original_shift_ = 0;
  uint32_t new_shift_ = 0;
};

}  // namespace

void NormalizedText::Replace(std::string text,
                             std::vector<TextChange> changes) {
  changes_ =
      changes_.empty() ? std::move(changes) : Composer(changes_, changes).Run();
  changed_ = std::move(text);
}

uint32_t NormalizedText::OriginalBegin(uint32_t begin) const {
  auto after = std::upper_bound(
      changes_.begin(), changes_.end(), begin,
      [](uint32_t at, const TextChange& change) { return at < change.begin; });
  if (after == changes_.begin()) return begin;
  const TextChange& change = *std::prev(after);
  if (begin < change.end) return change.original_begin;
  return change.original_end + (begin - change.end);
}

uint32_t NormalizedText::OriginalEnd(uint32_t end) const {
  auto after = std::lower_bound(
      changes_.begin(), changes_.end(), end,
      [](const TextChange& change, uint32_t at) { return change.begin < at; });
  if (after == changes_.begin()) return end;
  const TextChange& change = *std::prev(after);
  if (end <= change.end) return change.original_end;
  return change.original_end + (end - change.end);
}

uint32_t NormalizedText::FromOriginal(uint32_t at) const {
  auto after = std::lower_bound(changes_.begin(), changes_.end(), at,
                                [](const TextChange& change, uint32_t place) {
                                  return change.original_begin < place;
                                });
  if (after == changes_.begin()) return at;
  const TextChange& change = *std::prev(after);
  if (at <= change.original_end) return change.end;
  return change.end + (at - change.original_end);
}

void TextEdit::Keep(size_t bytes) {
  after_.append(before_.substr(at_, bytes));
  at_ += bytes;
}

void TextEdit::Swap(size_t bytes, std::string_view with) {
  const auto begin = static_cast<uint32_t>(after_.size());
  after_.append(with);
  changes_.push_back({begin, static_cast<uint32_t>(after_.size()),
                      static_cast<uint32_t>(at_),
                      static_cast<uint32_t>(at_ + bytes)});
  at_ += bytes;
}

void TextEdit::Apply(NormalizedText& text) {
  if (!changed()) return;
  Keep(before_.size() - at_);
  text.Replace(std::move(after_), std::move(changes_));
}

}  // namespace sluice::tokenizer
