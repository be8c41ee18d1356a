#include "common/vocabulary/stream_decoder.h"

#include <algorithm>
#include <string_view>

#include "common/vocabulary/utf8.h"

namespace sluice {
namespace {

// A replacement character may be the start of something better, so the
// reference keeps it back; but not for ever.
constexpr size_t kMaxHeldBytes = 64;

}  // namespace

StreamDecoder::StreamDecoder(const Vocabulary& vocabulary, bool skip_special)
    : vocabulary_(&vocabulary), skip_special_(skip_special) {
  const DecodeRules& rules = vocabulary.rules();
  strip_ = rules.strip_leading_space ? " " : rules.strip_content;
  strip_left_ = rules.strip_leading_space ? 1 : rules.strip_leading;
}

std::string_view StreamDecoder::FormOf(const VocabularyEntry& entry) {
  if (at_first_ && entry.first_bytes.has_value()) return *entry.first_bytes;
  if (!entry.last_bytes.has_value()) return entry.bytes;
  const std::string_view middle = entry.bytes;
  const std::string_view last = *entry.last_bytes;
  const auto differ =
      std::mismatch(middle.begin(), middle.end(), last.begin(), last.end());
  const auto common = static_cast<size_t>(differ.first - middle.begin());
  held_ = middle.substr(common);
  held_at_end_ = last.substr(common);
  return middle.substr(0, common);
}

void StreamDecoder::Take(int32_t id) {
  const VocabularyEntry* entry = vocabulary_->entry(id);
  if (entry == nullptr || (skip_special_ && entry->special)) return;
  if (vocabulary_->rules().collapse_repeats && id == previous_) return;
  previous_ = id;
  if (entry->bytes.empty() && !entry->first_bytes.has_value()) return;
  pending_.append(held_);
  held_ = {};
  held_at_end_ = {};
  std::string_view bytes = FormOf(*entry);
  at_first_ = false;
  const bool as_it_is = entry->first_bytes == entry->bytes;
  while (strip_left_ > 0 && !as_it_is && bytes.starts_with(strip_)) {
    bytes.remove_prefix(strip_.size());
    --strip_left_;
  }
  if (!bytes.empty()) strip_left_ = 0;
  pending_.append(bytes);
}

size_t StreamDecoder::Ready() const {
  if (IncompleteTail(pending_) != 0) return 0;
  std::string_view ready = pending_;
  for (int32_t i = 0; i < vocabulary_->rules().strip_trailing; ++i) {
    if (!ready.ends_with(strip_)) break;
    ready.remove_suffix(strip_.size());
  }
  if (ready.size() <= kMaxHeldBytes && ready.ends_with(kReplacementCharacter)) {
    return 0;
  }
  return ready.size();
}

void StreamDecoder::StripEnd() {
  for (int32_t i = 0; i < vocabulary_->rules().strip_trailing; ++i) {
    if (!pending_.ends_with(strip_)) break;
    pending_.resize(pending_.size() - strip_.size());
  }
}

std::string StreamDecoder::Push(absl::Span<const int32_t> ids) {
  size_t whole = 0;  // bytes of pending_ up to the last id that may leave
  for (int32_t id : ids) {
    Take(id);
    whole = std::max(whole, Ready());
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
  pending_.append(held_at_end_);
  held_ = {};
  held_at_end_ = {};
  StripEnd();
  const size_t added = pending_.size() - std::min(before, pending_.size());
  const size_t trim = static_cast<size_t>(std::max(trim_bytes, 0));
  pending_.resize(pending_.size() - std::min(trim, added));
  std::string out;
  AppendRepaired(pending_, out);
  pending_.clear();
  return out;
}

}  // namespace sluice
