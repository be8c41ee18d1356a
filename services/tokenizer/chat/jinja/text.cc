#include "services/tokenizer/chat/jinja/text.h"

#include <algorithm>

namespace sluice::tokenizer::jinja {

template <typename Sink>
void Text::EachRun(size_t begin, size_t end, Sink sink) const {
  const std::string_view all(bytes_);
  auto edge = std::upper_bound(edges_.begin(), edges_.end(), begin);
  bool foreign = foreign_ != ((edge - edges_.begin()) % 2 == 1);
  while (begin < end) {
    const size_t stop = edge == edges_.end() ? end : std::min(*edge++, end);
    sink(all.substr(begin, stop - begin), foreign);
    foreign = !foreign;
    begin = stop;
  }
}

std::vector<TextRun> Text::RunsOf(size_t begin, size_t end) const {
  std::vector<TextRun> runs;
  EachRun(begin, end, [&runs](std::string_view bytes, bool foreign) {
    runs.push_back({bytes, foreign});
  });
  return runs;
}

size_t Text::ExtentOf(size_t begin, size_t end) const {
  if (edges_.empty()) return end - begin;
  const auto first = std::upper_bound(edges_.begin(), edges_.end(), begin);
  const auto last = std::lower_bound(first, edges_.end(), end);
  return end - begin + kMarkBytes * static_cast<size_t>(last - first);
}

void Text::Append(std::string_view bytes, bool foreign) {
  if (bytes.empty()) return;
  if (bytes_.empty()) {
    foreign_ = foreign;
  } else {
    const bool last = foreign_ != (edges_.size() % 2 == 1);
    if (last != foreign) edges_.push_back(bytes_.size());
  }
  bytes_.append(bytes);
}

void Text::Append(const Text& other) { AppendRange(other, 0, other.size()); }

void Text::AppendRange(const Text& other, size_t begin, size_t end) {
  if (other.edges_.empty()) {
    Append(std::string_view(other.bytes_).substr(begin, end - begin),
           other.foreign_);
    return;
  }
  other.EachRun(begin, end, [this](std::string_view bytes, bool foreign) {
    Append(bytes, foreign);
  });
}

Text Text::Slice(size_t begin, size_t end) const {
  Text slice;
  slice.AppendRange(*this, begin, end);
  return slice;
}

}  // namespace sluice::tokenizer::jinja
