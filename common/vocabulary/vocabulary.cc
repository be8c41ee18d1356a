#include "common/vocabulary/vocabulary.h"

#include <openssl/evp.h>

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace sluice {
namespace {

constexpr size_t kMaxEntries = size_t{1} << 24;
constexpr size_t kMaxEntryBytes = size_t{64} << 10;

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    SLUICE_CHECK(context_ != nullptr &&
                     EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr),
                 "SHA-256 is part of OpenSSL");
  }
  void Add(std::string_view bytes) {
    EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
  }
  // Little-endian.
  void Add(uint32_t number) {
    char bytes[4];
    for (int i = 0; i < 4; ++i) bytes[i] = static_cast<char>(number >> 8 * i);
    Add(std::string_view(bytes, sizeof(bytes)));
  }
  std::string Hex() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    EVP_DigestFinal_ex(context_.get(), digest, &length);
    return absl::BytesToHexString(
        absl::string_view(reinterpret_cast<const char*>(digest), length));
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

std::string HashOf(const std::vector<VocabularyEntry>& entries,
                   const DecodeRules& rules) {
  Sha256 sha;
  sha.Add(static_cast<uint32_t>(entries.size()));
  sha.Add(static_cast<uint32_t>(rules.strip_leading_space));
  for (const VocabularyEntry& entry : entries) {
    sha.Add(static_cast<uint32_t>(entry.special));
    sha.Add(static_cast<uint32_t>(entry.bytes.size()));
    sha.Add(entry.bytes);
  }
  return sha.Hex();
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
