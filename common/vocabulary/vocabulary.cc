#include "common/vocabulary/vocabulary.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/sha256.h"

namespace sluice {
namespace {

constexpr size_t kMaxEntries = size_t{1} << 24;
constexpr size_t kMaxEntryBytes = size_t{64} << 10;

// Little-endian.
void Add(uint32_t number, Sha256& sha) {
  char bytes[4];
  for (int i = 0; i < 4; ++i) bytes[i] = static_cast<char>(number >> 8 * i);
  sha.Update(std::string_view(bytes, sizeof(bytes)));
}

void Add(std::string_view text, Sha256& sha) {
  Add(static_cast<uint32_t>(text.size()), sha);
  sha.Update(text);
}

// What only some vocabularies have adds nothing to the hash of the others.
void AddFurther(const std::vector<VocabularyEntry>& entries,
                const DecodeRules& rules, Sha256& sha) {
  if (!rules.strip_content.empty() || rules.collapse_repeats) {
    Add(std::string_view("rules"), sha);
    Add(std::string_view(rules.strip_content), sha);
    Add(static_cast<uint32_t>(rules.strip_leading), sha);
    Add(static_cast<uint32_t>(rules.strip_trailing), sha);
    Add(static_cast<uint32_t>(rules.collapse_repeats), sha);
  }
  for (size_t id = 0; id < entries.size(); ++id) {
    const auto add = [&](std::string_view name, const RareString& form) {
      if (!form.has_value()) return;
      Add(name, sha);
      Add(static_cast<uint32_t>(id), sha);
      Add(std::string_view(*form), sha);
    };
    add("first", entries[id].first_bytes);
    add("last", entries[id].last_bytes);
  }
}

std::string HashOf(const std::vector<VocabularyEntry>& entries,
                   const DecodeRules& rules) {
  Sha256 sha;
  Add(static_cast<uint32_t>(entries.size()), sha);
  Add(static_cast<uint32_t>(rules.strip_leading_space), sha);
  for (const VocabularyEntry& entry : entries) {
    Add(static_cast<uint32_t>(entry.special), sha);
    Add(static_cast<uint32_t>(entry.bytes.size()), sha);
    sha.Update(entry.bytes);
  }
  AddFurther(entries, rules, sha);
  return sha.FinishHex();
}

// The longest form of an entry, in bytes.
size_t LongestForm(const VocabularyEntry& entry) {
  size_t longest = entry.bytes.size();
  for (const auto* form : {&entry.first_bytes, &entry.last_bytes}) {
    if (form->has_value()) longest = std::max(longest, (*form)->size());
  }
  return longest;
}

}  // namespace

absl::StatusOr<Vocabulary> Vocabulary::Create(
    std::vector<VocabularyEntry> entries, DecodeRules rules) {
  if (entries.size() > kMaxEntries) {
    return absl::InvalidArgumentError(
        absl::StrCat("vocabulary: too many entries, got ", entries.size(),
                     ", limit ", kMaxEntries));
  }
  for (size_t id = 0; id < entries.size(); ++id) {
    const size_t longest = LongestForm(entries[id]);
    if (longest > kMaxEntryBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("vocabulary: id ", id, " is too long, got ", longest,
                       " bytes, limit ", kMaxEntryBytes));
    }
  }
  Vocabulary vocabulary;
  vocabulary.hash_ = HashOf(entries, rules);
  vocabulary.entries_ = std::move(entries);
  vocabulary.rules_ = std::move(rules);
  return vocabulary;
}

std::string_view Vocabulary::bytes(int32_t id) const {
  if (id < 0 || id >= size()) return {};
  return entries_[id].bytes;
}

const VocabularyEntry* Vocabulary::entry(int32_t id) const {
  return id < 0 || id >= size() ? nullptr : &entries_[id];
}

bool Vocabulary::special(int32_t id) const {
  return id >= 0 && id < size() && entries_[id].special;
}

}  // namespace sluice
