#include "services/tokenizer/core/added_tokens.h"

#include <algorithm>

namespace sluice::tokenizer {
namespace {

uint64_t Edge(uint32_t node, char byte) {
  return static_cast<uint64_t>(node) << 8 | static_cast<uint8_t>(byte);
}

// First byte of the character that ends at `at` > 0.
size_t CharacterBefore(std::string_view text, size_t at) {
  do {
    --at;
  } while ((static_cast<uint8_t>(text[at]) & 0xC0) == 0x80);
  return at;
}

}  // namespace

AddedTokens::AddedTokens(absl::Span<const AddedToken> tokens)
    : ends_(1, kNone) {
  for (const AddedToken& token : tokens) {
    if (token.content.empty()) continue;
    Insert(token.content, static_cast<int32_t>(tokens_.size()));
    tokens_.push_back(token);
  }
}

void AddedTokens::Insert(std::string_view content, int32_t token) {
  starts_[static_cast<uint8_t>(content[0])] = true;
  uint32_t node = 0;
  for (char byte : content) {
    const auto next = static_cast<uint32_t>(ends_.size());
    const auto [at, is_new] = children_.try_emplace(Edge(node, byte), next);
    if (is_new) ends_.push_back(kNone);
    node = at->second;
  }
  if (ends_[node] == kNone) ends_[node] = token;
}

AddedTokens::Hit AddedTokens::LongestAt(std::string_view text, size_t at,
                                        size_t limit) const {
  Hit hit{at, kNone};
  if (!starts_[static_cast<uint8_t>(text[at])]) return hit;
  uint32_t node = 0;
  for (size_t i = at; i < limit; ++i) {
    auto child = children_.find(Edge(node, text[i]));
    if (child == children_.end()) break;
    node = child->second;
    if (ends_[node] != kNone) hit = {i + 1, ends_[node]};
  }
  return hit;
}

bool AddedTokens::IsWordAround(std::string_view text, size_t begin,
                               size_t end) const {
  const auto is_word = [&](size_t at) {
    const char* const character = text.data() + at;
    return IsWordCharacter(DecodeUtf8(character), classes_.At(character));
  };
  return (begin > 0 && is_word(CharacterBefore(text, begin))) ||
         (end < text.size() && is_word(end));
}

size_t AddedTokens::SpaceBefore(std::string_view text, size_t at) const {
  while (at > 0) {
    const size_t previous = CharacterBefore(text, at);
    if (!(classes_.At(text.data() + previous) & kSpace)) break;
    at = previous;
  }
  return at;
}

size_t AddedTokens::SpaceAfter(std::string_view text, size_t at) const {
  while (at < text.size() && classes_.At(text.data() + at) & kSpace) {
    at += Utf8Length(text[at]);
  }
  return at;
}

std::vector<AddedMatch> AddedTokens::Find(
    std::string_view text, absl::Span<const MatchRegion> regions) const {
  std::vector<AddedMatch> matches;
  if (tokens_.empty()) return matches;
  size_t taken = 0;  // end of the match before, with its white space
  auto region = regions.begin();
  for (size_t at = 0; at < text.size();) {
    while (region->end <= at) ++region;
    const Hit hit = LongestAt(text, at, region->end);
    if (hit.token == kNone) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[hit.token];
    const size_t begin = at;
    at = hit.end;
    if (token.special && !region->parse_special) continue;
    if (token.single_word && IsWordAround(text, begin, hit.end)) continue;
    const size_t from =
        token.lstrip ? std::max(SpaceBefore(text, begin), taken) : begin;
    taken = token.rstrip ? SpaceAfter(text, hit.end) : hit.end;
    matches.push_back(
        {static_cast<uint32_t>(from), static_cast<uint32_t>(taken), token.id});
  }
  return matches;
}

}  // namespace sluice::tokenizer
