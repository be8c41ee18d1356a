#include "common/vocabulary/vocabulary.h"

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
  return sha.FinishHex();
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
    if (entries[id].bytes.size() > kMaxEntryBytes) {
      return absl::InvalidArgumentError(absl::StrCat(
          "vocabulary: id ", id, " is too long, got ", entries[id].bytes.size(),
          " bytes, limit ", kMaxEntryBytes));
    }
  }
  Vocabulary vocabulary;
  vocabulary.hash_ = HashOf(entries, rules);
  vocabulary.entries_ = std::move(entries);
  vocabulary.rules_ = rules;
  return vocabulary;
}

std::string_view Vocabulary::bytes(int32_t id) const {
  if (id < 0 || id >= size()) return {};
  return entries_[id].bytes;
}

bool Vocabulary::special(int32_t id) const {
  return id >= 0 && id < size() && entries_[id].special;
}

}  // namespace sluice
