#include "common/base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <string_view>

#include "common/base/check.h"
#include "common/base/sha256.h"

namespace sluice {

uint64_t SystemRandom::Next() {
  uint64_t bits = 0;
  ssize_t got = 0;
  do {
    got = ::getrandom(&bits, sizeof(bits), 0);
  } while (got < 0 && errno == EINTR);
  SLUICE_CHECK(got == sizeof(bits), "the kernel gave no random bytes");
  return bits;
}

uint64_t SeededRandom::Next() {
  constexpr uint64_t kStep = 0x9E3779B97F4A7C15u;
  uint64_t mixed = state_.fetch_add(kStep, std::memory_order_relaxed) + kStep;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
  return mixed ^ (mixed >> 31);
}

std::string DrawId(RandomSource& random) {
  const uint64_t words[2] = {random.Next(), random.Next()};
  return HexEncode({reinterpret_cast<const char*>(words), sizeof(words)});
}

}  // namespace sluice
