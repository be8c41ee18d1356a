#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "services/generator/kernels/linear.h"

namespace sluice::generator::kernels {
namespace {

constexpr int32_t kTileRows = 6;
// Rows of x that share one pass over a panel; their sums stay in L1 and L2.
constexpr int32_t kBlockRows = 96;
constexpr int32_t kLine = 64;
// A block of weights is widened to float32 once when this many tiles read it.
constexpr int32_t kTilesWorthWidening = 2;

struct Pair {
  __m256 low, high;
};

inline __m256 Widen(const uint16_t* from) {
  const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return _mm256_castsi256_ps(
      _mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}

inline Pair Load(const float* from) {
  return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)};
}
inline Pair Load(const uint16_t* from) {
  return {Widen(from), Widen(from + 8)};
}

// A block of columns of half a panel against kRows rows of x; sums is
// [kRows][32], of which 16 are this half's.
template <int kRows, typename Weight>
void HalfTile(const Weight* weights, int32_t columns, const float* x,
              int64_t x_stride, bool first, float* sums) {
  __m256 low[kRows], high[kRows];
#pragma GCC unroll 6
  for (int m = 0; m < kRows; ++m) low[m] = high[m] = _mm256_setzero_ps();
  for (int32_t k = 0; k < columns; ++k) {
    const Pair w = Load(weights + static_cast<ptrdiff_t>(k) * kPanelRows);
#pragma GCC unroll 6
    for (int m = 0; m < kRows; ++m) {
      const __m256 value = _mm256_set1_ps(x[m * x_stride + k]);
      low[m] = _mm256_fmadd_ps(value, w.low, low[m]);
      high[m] = _mm256_fmadd_ps(value, w.high, high[m]);
    }
  }
#pragma GCC unroll 6
  for (int m = 0; m < kRows; ++m) {
    float* to = sums + m * kPanelRows;
    if (!first) {
      low[m] = _mm256_add_ps(_mm256_loadu_ps(to), low[m]);
      high[m] = _mm256_add_ps(_mm256_loadu_ps(to + 8), high[m]);
    }
    _mm256_storeu_ps(to, low[m]);
    _mm256_storeu_ps(to + 8, high[m]);
  }
}

// One or two rows leave registers for the whole panel at once, which reads it
// strictly forward.
template <int kRows, typename Weight>
void WholeTile(const Weight* weights, int32_t columns, const float* x,
               int64_t x_stride, bool first, float* sums) {
  __m256 acc[kRows][4];
#pragma GCC unroll 2
  for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) acc[m][i] = _mm256_setzero_ps();
  }
  for (int32_t k = 0; k < columns; ++k) {
    const Weight* from = weights + static_cast<ptrdiff_t>(k) * kPanelRows;
    const Pair a = Load(from);
    const Pair b = Load(from + 16);
#pragma GCC unroll 2
    for (int m = 0; m < kRows; ++m) {
      const __m256 value = _mm256_set1_ps(x[m * x_stride + k]);
      acc[m][0] = _mm256_fmadd_ps(value, a.low, acc[m][0]);
      acc[m][1] = _mm256_fmadd_ps(value, a.high, acc[m][1]);
      acc[m][2] = _mm256_fmadd_ps(value, b.low, acc[m][2]);
      acc[m][3] = _mm256_fmadd_ps(value, b.high, acc[m][3]);
    }
  }
#pragma GCC unroll 2
  for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      float* to = sums + m * kPanelRows + 8 * i;
      if (!first) acc[m][i] = _mm256_add_ps(_mm256_loadu_ps(to), acc[m][i]);
      _mm256_storeu_ps(to, acc[m][i]);
    }
  }
}

template <int kRows, typename Weight>
void Tile(const Weight* weights, int32_t columns, const float* x,
          int64_t x_stride, bool first, float* sums) {
  if constexpr (kRows <= 2) {
    WholeTile<kRows>(weights, columns, x, x_stride, first, sums);
  } else {
    HalfTile<kRows>(weights, columns, x, x_stride, first, sums);
    HalfTile<kRows>(weights + 16, columns, x, x_stride, first, sums + 16);
  }
}

// What one block of columns of a panel meets.
struct BlockOfX {
  const float* x;
  int64_t stride;
  int32_t rows;
  bool first;
  float* sums;  // [rows][32]
};

// REQUIRES: 1 to kTileRows rows.
template <typename Weight>
void TileOf(const Weight* weights, int32_t columns, const BlockOfX& tile) {
  switch (tile.rows) {
    case 1:
      return Tile<1>(weights, columns, tile.x, tile.stride, tile.first,
                     tile.sums);
    case 2:
      return Tile<2>(weights, columns, tile.x, tile.stride, tile.first,
                     tile.sums);
    case 3:
      return Tile<3>(weights, columns, tile.x, tile.stride, tile.first,
                     tile.sums);
    case 4:
      return Tile<4>(weights, columns, tile.x, tile.stride, tile.first,
                     tile.sums);
    case 5:
      return Tile<5>(weights, columns, tile.x, tile.stride, tile.first,
                     tile.sums);
    default:
      return Tile<6>(weights, columns, tile.x, tile.stride, tile.first,
                     tile.sums);
  }
}

inline void Prefetch(const uint8_t* from, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += kLine) {
    _mm_prefetch(reinterpret_cast<const char*>(from + i), _MM_HINT_T0);
  }
}

// The prefetch of the next block is spread over the tiles of this one.
template <typename Weight>
void ColumnBlock(const Weight* weights, int32_t columns, const BlockOfX& block,
                 const uint8_t* next, int64_t next_bytes) {
  const int32_t tiles = (block.rows + kTileRows - 1) / kTileRows;
  const int64_t share =
      tiles < 2 ? 0 : (next_bytes / tiles + kLine - 1) / kLine * kLine;
  for (int32_t m = 0, tile = 0; m < block.rows; m += kTileRows, ++tile) {
    const int64_t begin = tile * share;
    const int64_t left = next_bytes - begin;
    Prefetch(next + begin, left < share ? left : share);
    const int32_t rows = block.rows - m;
    TileOf(weights, columns,
           {block.x + m * block.stride, block.stride,
            rows < kTileRows ? rows : kTileRows, block.first,
            block.sums + m * kPanelRows});
  }
}

void WidenBlock(const uint16_t* from, int32_t columns, float* to) {
  for (int32_t i = 0; i < columns * kPanelRows; i += 8) {
    _mm256_store_ps(to + i, Widen(from + i));
  }
}

void ColumnBlockWidened(const float* weights, int32_t columns,
                        const BlockOfX& block, const uint8_t* next,
                        int64_t next_bytes) {
  ColumnBlock(weights, columns, block, next, next_bytes);
}

void ColumnBlockWidened(const uint16_t* weights, int32_t columns,
                        const BlockOfX& block, const uint8_t* next,
                        int64_t next_bytes) {
  if (block.rows <= kTilesWorthWidening * kTileRows) {
    ColumnBlock(weights, columns, block, next, next_bytes);
    return;
  }
  alignas(64) float wide[kReductionBlock * kPanelRows];
  WidenBlock(weights, columns, wide);
  ColumnBlock(wide, columns, block, next, next_bytes);
}

void StoreRow(const LinearCall& call, int32_t row_begin, const float* sums,
              float* out) {
  const int32_t left = call.weights.rows - row_begin;
  const int32_t count = left < kPanelRows ? left : kPanelRows;
  int32_t i = 0;
  for (; i + 8 <= count; i += 8) {
    __m256 value = _mm256_loadu_ps(sums + i);
    if (call.bias != nullptr) {
      value = _mm256_add_ps(value, _mm256_loadu_ps(call.bias + row_begin + i));
    }
    float* to = out + row_begin + i;
    if (call.add_to_out) value = _mm256_add_ps(value, _mm256_loadu_ps(to));
    _mm256_storeu_ps(to, value);
  }
  for (; i < count; ++i) {
    float value = sums[i];
    if (call.bias != nullptr) value += call.bias[row_begin + i];
    if (call.add_to_out) value += out[row_begin + i];
    out[row_begin + i] = value;
  }
}

template <typename Weight>
void Panel(const LinearCall& call, int32_t panel, int32_t m_begin,
           int32_t m_rows) {
  const int32_t columns = call.weights.columns;
  const Weight* weights = static_cast<const Weight*>(call.weights.panels) +
                          static_cast<int64_t>(panel) * columns * kPanelRows;
  alignas(64) float sums[kBlockRows * kPanelRows];
  BlockOfX block{call.x + m_begin * call.x_stride, call.x_stride, m_rows, true,
                 sums};
  for (int32_t k = 0; k < columns; k += kReductionBlock) {
    const int32_t left = columns - k;
    const int32_t count = left < kReductionBlock ? left : kReductionBlock;
    const int32_t after = left - count;
    const int32_t next = after < kReductionBlock ? after : kReductionBlock;
    ColumnBlockWidened(
        weights, count, block,
        reinterpret_cast<const uint8_t*>(weights + count * kPanelRows),
        static_cast<int64_t>(next) * kPanelRows * sizeof(Weight));
    weights += count * kPanelRows;
    block.x += count;
    block.first = false;
  }
  for (int32_t m = 0; m < m_rows; ++m) {
    StoreRow(call, panel * kPanelRows, sums + m * kPanelRows,
             call.out + (m_begin + m) * call.out_stride);
  }
}

template <typename Weight>
void Panels(const LinearCall& call, int32_t panel_begin, int32_t panel_end) {
  for (int32_t m = 0; m < call.x_rows; m += kBlockRows) {
    const int32_t left = call.x_rows - m;
    for (int32_t panel = panel_begin; panel < panel_end; ++panel) {
      Panel<Weight>(call, panel, m, left < kBlockRows ? left : kBlockRows);
    }
  }
}

}  // namespace

void LinearAvx2(const LinearCall& call, int32_t panel_begin,
                int32_t panel_end) {
  if (call.weights.format == WeightFormat::kF32) {
    Panels<float>(call, panel_begin, panel_end);
  } else {
    Panels<uint16_t>(call, panel_begin, panel_end);
  }
}

}  // namespace sluice::generator::kernels
