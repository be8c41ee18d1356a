#include "common/base/sha256.h"

#include <openssl/evp.h>

#include "common/base/check.h"

namespace sluice {

struct Sha256::Context {
  Context() : evp(EVP_MD_CTX_new()) {
    SLUICE_CHECK(evp != nullptr, "out of memory");
  }
  ~Context() { EVP_MD_CTX_free(evp); }
  void Start() {
    SLUICE_CHECK(EVP_DigestInit_ex(evp, EVP_sha256(), nullptr) == 1,
                 "SHA-256 is not available in OpenSSL");
  }
  EVP_MD_CTX* evp;
};

Sha256::Sha256() : context_(std::make_unique<Context>()) { context_->Start(); }
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Update(std::string_view bytes) {
  SLUICE_CHECK(EVP_DigestUpdate(context_->evp, bytes.data(), bytes.size()) == 1,
               "SHA-256 update failed");
}

Sha256Digest Sha256::Finish() {
  Sha256Digest digest;
  unsigned int size = 0;
  SLUICE_CHECK(EVP_DigestFinal_ex(context_->evp, digest.data(), &size) == 1 &&
                   size == digest.size(),
               "SHA-256 final failed");
  context_->Start();
  return digest;
}

std::string Sha256::FinishHex() {
  const Sha256Digest digest = Finish();
  return HexEncode(
      {reinterpret_cast<const char*>(digest.data()), digest.size()});
}

std::string HexEncode(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    hex.push_back(kDigits[byte >> 4]);
    hex.push_back(kDigits[byte & 15]);
  }
  return hex;
}

std::string Sha256Hex(std::string_view bytes) {
  Sha256 sha;
  sha.Update(bytes);
  return sha.FinishHex();
}

}  // namespace sluice
