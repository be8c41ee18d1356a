#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace sluice {

using Sha256Digest = std::array<uint8_t, 32>;

// SHA-256 over pieces. Threads: one at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void Update(std::string_view bytes);
  // The digest of everything so far; the object starts again from empty.
  Sha256Digest Finish();
  // The same in lower-case hex, 64 characters.
  std::string FinishHex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// Lower-case hex of bytes, two characters each.
std::string HexEncode(std::string_view bytes);

// Of all of `bytes` at once. Threads: any.
std::string Sha256Hex(std::string_view bytes);

}  // namespace sluice
