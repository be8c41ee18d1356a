#include "services/generator/weights/checksum.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace sluice::generator {
namespace {

// Odd, so that multiplying is a bijection; the bits are those of the golden
// ratio.
constexpr uint64_t kFactor = 0x9e3779b97f4a7c15;
// As many multiplications are in flight as hide the time of one.
constexpr size_t kLanes = 8;
constexpr size_t kWord = sizeof(uint64_t);

uint64_t Step(uint64_t state, uint64_t word) {
  return std::rotl((state ^ word) * kFactor, 29);
}

uint64_t WordAt(const uint8_t* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, kWord);
  return word;
}

}  // namespace

uint64_t Checksum(absl::Span<const uint8_t> bytes) {
  static_assert(std::endian::native == std::endian::little);
  uint64_t lanes[kLanes];
  for (size_t i = 0; i < kLanes; ++i) lanes[i] = Step(i, bytes.size());
  const uint8_t* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= kLanes * kWord; left -= kLanes * kWord) {
    for (size_t i = 0; i < kLanes; ++i, at += kWord) {
      lanes[i] = Step(lanes[i], WordAt(at));
    }
  }
  for (size_t i = 0; left > 0; ++i) {
    uint8_t tail[kWord] = {};
    const size_t count = std::min(left, kWord);
    std::memcpy(tail, at, count);
    lanes[i] = Step(lanes[i], WordAt(tail));
    at += count;
    left -= count;
  }
  uint64_t sum = kFactor;
  for (const uint64_t lane : lanes) sum = Step(sum, lane);
  return sum ^ sum >> 32;
}

}  // namespace sluice::generator
