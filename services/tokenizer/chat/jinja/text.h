#pragma once

// UTF-8 that remembers which of its bytes came with the request. Every string
// operation of the interpreter keeps the marks, so that the rendered prompt
// can be told apart into the author's text and the user's.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::tokenizer::jinja {

// A stretch of one origin.
struct TextRun {
  std::string_view bytes;
  bool foreign = false;  // came with the request
};

// Threads: as a std::string.
class Text {
 public:
  Text() = default;
  explicit Text(std::string bytes, bool foreign = false)
      : bytes_(std::move(bytes)), foreign_(foreign && !bytes_.empty()) {}

  const std::string& bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  // What it weighs with its marks, in bytes; what copies it is charged this.
  size_t extent() const { return bytes_.size() + kMarkBytes * edges_.size(); }

  // Whether any byte is foreign.
  bool any_foreign() const { return !edges_.empty() || foreign_; }
  // The runs in order; none is empty, neighbours differ.
  std::vector<TextRun> Runs() const { return RunsOf(0, size()); }
  std::vector<TextRun> RunsOf(size_t begin, size_t end) const;
  // extent() of a part.
  size_t ExtentOf(size_t begin, size_t end) const;

  void Reserve(size_t bytes) { bytes_.reserve(bytes); }
  void Append(std::string_view bytes, bool foreign);
  void Append(const Text& other);
  // REQUIRES: begin <= end <= other.size(), &other != this.
  void AppendRange(const Text& other, size_t begin, size_t end);
  // REQUIRES: begin <= end <= size().
  Text Slice(size_t begin, size_t end) const;

 private:
  static constexpr size_t kMarkBytes = 16;

  // Calls sink(bytes, foreign) for each run of a part.
  template <typename Sink>
  void EachRun(size_t begin, size_t end, Sink sink) const;

  // Origin of the first byte; it changes at each edge (a byte offset).
  std::string bytes_;
  std::vector<size_t> edges_;
  bool foreign_ = false;
};

}  // namespace sluice::tokenizer::jinja
