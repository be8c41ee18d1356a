#include "services/tokenizer/chat/jinja/text.h"

#include <algorithm>

namespace sluice::tokenizer::jinja {

std::vector<TextRun> Text::RunsOf(size_t begin, size_t end) const {
  std::vector<TextRun> runs;
  const std::string_view all(bytes_);
  auto edge = std::upper_bound(edges_.begin(), edges_.end(), begin);
  bool foreign = foreign_ != ((edge - edges_.begin()) % 2 == 1);
  while (begin < end) {
    const size_t stop = edge == edges_.end() ? end : std::min(*edge++, end);
    runs.push_back({all.substr(begin, stop - begin), foreign});
    foreign = !foreign;
    begin = stop;
  }
  return runs;
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

void Text::Append(const Text& other) {
  if (other.edges_.empty()) {
    Append(other.bytes_, other.foreign_);
    return;
  }
  for (const TextRun& run : other.Runs()) Append(run.bytes, run.foreign);
}

void Text::AppendRange(const Text& other, size_t begin, size_t end) {
  if (other.edges_.empty()) {
    Append(std::string_view(other.bytes_).substr(begin, end - begin),
           other.foreign_);
    return;
  }
  for (const TextRun& run : other.RunsOf(begin, end)) {
    Append(run.bytes, run.foreign);
  }
}

Text Text::Slice(size_t begin, size_t end) const {
  Text slice;
  slice.AppendRange(*this, begin, end);
  return slice;
}

}  // namespace sluice::tokenizer::jinja
