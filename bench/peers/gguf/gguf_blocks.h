#pragma once

// Quantised blocks as GGUF files hold them, and back. The choice of scales is
// the plain one by the largest magnitude: a better one would cost the peer
// nothing and change no speed.
// Source: the block structures of the ggml project.

#include <cstdint>
#include <vector>

namespace sluice::bench {

// Numbers of the ggml project.
enum class GgufType : uint32_t {
  kF32 = 0,
  kQ40 = 2,   // 32 values: a half, 16 bytes of nibbles
  kQ80 = 8,   // 32 values: a half, 32 bytes
  kQ6K = 14,  // 256 values: 6 bits each, 16 scales of 8 bits, a half
};

// Values that one block holds, and its bytes.
int64_t BlockValues(GgufType type);
int64_t BlockBytes(GgufType type);

// Appends the blocks of values[0, count).
// REQUIRES: count is a multiple of BlockValues(type).
void AppendBlocks(GgufType type, const float* values, int64_t count,
                  std::vector<uint8_t>& out);

// What the blocks of `count` values stand for.
std::vector<float> UnpackBlocks(GgufType type, const uint8_t* blocks,
                                int64_t count);

}  // namespace sluice::bench
