#pragma once

// A text and what became of it, with the way back to the original bytes.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::tokenizer {

// A changed part: bytes [begin, end) of the new text stand for bytes
// [original_begin, original_end) of the original.
struct TextChange {
  uint32_t begin;
  uint32_t end;
  uint32_t original_begin;
  uint32_t original_end;
};

// A text that lies elsewhere and what became of it. Threads: one at a time.
class NormalizedText {
 public:
  explicit NormalizedText(std::string_view original) : original_(original) {}

  std::string_view text() const {
    return changed_.has_value() ? std::string_view(*changed_) : original_;
  }
  // Replaces text(). REQUIRES: `changes` ascend, are apart, and lead from
  // text() of before to `text`.
  void Replace(std::string text, std::vector<TextChange> changes);

  // Where bytes [begin, end) of text() come from.
  uint32_t OriginalBegin(uint32_t begin) const;
  uint32_t OriginalEnd(uint32_t end) const;
  // Where a place in the original went; the end of a change for one inside.
  uint32_t FromOriginal(uint32_t at) const;

 private:
  std::string_view original_;
  std::optional<std::string> changed_;
  std::vector<TextChange> changes_;
};

// Writes the next form of a text from left to right.
class TextEdit {
 public:
  explicit TextEdit(std::string_view before) : before_(before) {}

  // Where in the text of before it is.
  size_t position() const { return at_; }
  // Bytes of the new text so far.
  size_t written() const { return after_.size(); }
  bool changed() const { return !changes_.empty(); }
  void Keep(size_t bytes);
  // `bytes` of the old text, 0 to insert, become `with`.
  void Swap(size_t bytes, std::string_view with);
  // Keeps the rest and puts it into `text`, whose text() is the one of before.
  void Apply(NormalizedText& text);

 private:
  std::string_view before_;
  size_t at_ = 0;
  std::string after_;
  std::vector<TextChange> changes_;
};

}  // namespace sluice::tokenizer
