#include "services/tokenizer/core/normalizers/chars_map.h"

#include "absl/strings/str_cat.h"

namespace sluice::tokenizer {
namespace {

uint32_t ReadU32(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) {
    value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  }
  return value;
}

bool HasLeaf(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t LabelOf(uint32_t unit) { return unit & (uint32_t{1} << 31 | 0xFF); }
uint32_t ValueOf(uint32_t unit) { return unit & ((uint32_t{1} << 31) - 1); }
size_t OffsetOf(uint32_t unit) {
  return static_cast<size_t>(unit >> 10) << ((unit & 1 << 9) >> 6);
}

}  // namespace

absl::StatusOr<CharsMap> CharsMap::Parse(std::string_view blob) {
  const size_t trie_bytes = blob.size() < 4 ? 0 : ReadU32(blob, 0);
  if (blob.size() < 4 || trie_bytes % 4 != 0 || trie_bytes == 0 ||
      trie_bytes > blob.size() - 4) {
    return absl::InvalidArgumentError(
        absl::StrCat("precompiled_charsmap: damaged, got ", blob.size(),
                     " bytes with a trie of ", trie_bytes));
  }
  CharsMap map;
  map.units_.reserve(trie_bytes / 4);
  for (size_t at = 4; at < 4 + trie_bytes; at += 4) {
    map.units_.push_back(ReadU32(blob, at));
  }
  map.values_ = std::string(blob.substr(4 + trie_bytes));
  return map;
}

std::optional<CharsMap::Hit> CharsMap::Shortest(std::string_view text) const {
  return Search(text, true);
}

std::optional<CharsMap::Hit> CharsMap::Longest(std::string_view text) const {
  return Search(text, false);
}

std::optional<CharsMap::Hit> CharsMap::Search(std::string_view text,
                                              bool first_only) const {
  std::optional<Hit> hit;
  size_t node = OffsetOf(units_[0]);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    node ^= byte;
    if (byte == 0 || node >= units_.size()) break;
    const uint32_t unit = units_[node];
    if (LabelOf(unit) != byte) break;
    node ^= OffsetOf(unit);
    if (node >= units_.size()) break;
    if (!HasLeaf(unit)) continue;
    const size_t at = ValueOf(units_[node]);
    if (at > values_.size()) break;
    const std::string_view rest = std::string_view(values_).substr(at);
    hit = Hit{i + 1, rest.substr(0, rest.find('\0'))};
    if (first_only) break;
  }
  return hit;
}

}  // namespace sluice::tokenizer
