#include "common/vocabulary/stream_decoder.h"

#include <algorithm>
#include <string_view>

#include "common/vocabulary/utf8.h"

namespace sluice {

StreamDecoder::StreamDecoder(const Vocabulary& vocabulary, bool skip_special)
    : vocabulary_(&vocabulary), skip_special_(skip_special) {}

void StreamDecoder::Take(int32_t id) {
  if (skip_special_ && vocabulary_->special(id)) return;
  std::string_view bytes = vocabulary_->bytes(id);
  if (bytes.empty()) return;
  if (at_start_ && vocabulary_->rules().strip_leading_space &&
      bytes.front() == ' ') {
    bytes.remove_prefix(1);
  }
  at_start_ = false;
  pending_.append(bytes);
}

std::string StreamDecoder::Push(absl::Span<const int32_t> ids) {
  size_t whole = 0;  // bytes of pending_ up to the last id that may leave
  for (int32_t id : ids) {
    Take(id);
    if (IncompleteTail(pending_) == 0) whole = pending_.size();
  }
  std::string out;
  AppendRepaired(std::string_view(pending_).substr(0, whole), out);
  pending_.erase(0, whole);
  return out;
}

std::string StreamDecoder::Finish(absl::Span<const int32_t> ids,
                                  int32_t trim_bytes) {
  const size_t before = pending_.size();
  for (int32_t id : ids) Take(id);
  const size_t added = pending_.size() - before;
  const size_t trim = static_cast<size_t>(std::max(trim_bytes, 0));
  pending_.resize(pending_.size() - std::min(trim, added));
  std::string out;
  AppendRepaired(pending_, out);
  pending_.clear();
  return out;
}

}  // namespace sluice
