#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "services/generator/kernels/quant_linear.h"

// A benchmark compiles this file with tiles of other sizes.
#ifndef SLUICE_QUANT_LINEAR_512
#define SLUICE_QUANT_LINEAR_512 QuantLinearAvx512Vnni
#define SLUICE_TILE_ROWS 6
#define SLUICE_BLOCK_ROWS 96
#endif

namespace sluice::generator::kernels {
namespace {

constexpr int32_t kTileRows = SLUICE_TILE_ROWS;
// Rows of x that share one pass over a panel; their sums stay in L1 and L2.
constexpr int32_t kBlockRows = SLUICE_BLOCK_ROWS;
constexpr int32_t kLine = 64;
// One step: four columns of the 32 rows of a panel.
constexpr int32_t kStepBytes = 4 * kQuantPanelRows;
// 4-bit codes are unpacked once per block for more rows than this.
constexpr int32_t kRowsUnpackedAlong = 2 * kTileRows;

// The groups of a panel inside one block of activations.
struct GroupRun {
  const uint8_t* scales;
  ptrdiff_t scale_stride;
  const uint8_t* codes;
  ptrdiff_t code_stride;
  int32_t groups;
  int32_t parts;  // of 32 columns in a group
  bool has_minimum;
};

// The rows that meet them.
struct RowTile {
  const int8_t* values;  // [rows][256]
  const float* scales;   // [rows]
  const int32_t* sums;   // [rows][sums_stride]
  ptrdiff_t sums_stride;
  float* totals;  // [rows][32]
  bool first;
};

// What is fetched early while a tile is computed, some lines a group.
struct Ahead {
  const uint8_t* at;
  int32_t lines_per_group;
};

inline void Fetch(Ahead& ahead) {
  for (int32_t i = 0; i < ahead.lines_per_group; ++i) {
    _mm_prefetch(reinterpret_cast<const char*>(ahead.at), _MM_HINT_T0);
    ahead.at += kLine;
  }
}

inline __m512i Splat4(const int8_t* from) {
  int32_t four;
  __builtin_memcpy(&four, from, sizeof(four));
  return _mm512_set1_epi32(four);
}

inline __m512 LoadHalves(const uint8_t* from) {
  return _mm512_cvtph_ps(
      _mm256_load_si256(reinterpret_cast<const __m256i*>(from)));
}

template <int kRows>
using Sums = __m512i[kRows][2];

// One step of codes, in registers, against four columns of each row.
template <int kRows>
inline void Step(__m512i low, __m512i high, const int8_t* x,
                 Sums<kRows>& sums) {
#pragma GCC unroll 6
  for (int m = 0; m < kRows; ++m) {
    const __m512i four = Splat4(x + m * kActivationBlock);
    sums[m][0] = _mm512_dpbusd_epi32(sums[m][0], low, four);
    sums[m][1] = _mm512_dpbusd_epi32(sums[m][1], high, four);
  }
}

// 32 columns of codes.
template <int kRows>
inline void Part8(const uint8_t* codes, const int8_t* x, Sums<kRows>& sums) {
#pragma GCC unroll 8
  for (int step = 0; step < 8; ++step) {
    const uint8_t* at = codes + step * kStepBytes;
    Step<kRows>(_mm512_load_si512(at), _mm512_load_si512(at + kLine),
                x + 4 * step, sums);
  }
}

// The low halves of a line are one step, the high halves the next.
template <int kRows>
inline void Part4(const uint8_t* codes, const int8_t* x, Sums<kRows>& sums) {
  const __m512i mask = _mm512_set1_epi8(15);
#pragma GCC unroll 4
  for (int pair = 0; pair < 4; ++pair) {
    const __m512i a = _mm512_load_si512(codes + pair * kStepBytes);
    const __m512i b = _mm512_load_si512(codes + pair * kStepBytes + kLine);
    Step<kRows>(_mm512_and_si512(a, mask), _mm512_and_si512(b, mask),
                x + 8 * pair, sums);
    Step<kRows>(_mm512_and_si512(_mm512_srli_epi16(a, 4), mask),
                _mm512_and_si512(_mm512_srli_epi16(b, 4), mask),
                x + 8 * pair + 4, sums);
  }
}

template <int kRows>
inline void AddToTotals(const RowTile& tile, const __m512 (&sums)[kRows][2]) {
#pragma GCC unroll 6
  for (int m = 0; m < kRows; ++m) {
    const __m512 scale = _mm512_set1_ps(tile.scales[m]);
    float* to = tile.totals + m * kQuantPanelRows;
    if (tile.first) {
      _mm512_store_ps(to, _mm512_mul_ps(sums[m][0], scale));
      _mm512_store_ps(to + 16, _mm512_mul_ps(sums[m][1], scale));
    } else {
      _mm512_store_ps(to,
                      _mm512_fmadd_ps(sums[m][0], scale, _mm512_load_ps(to)));
      _mm512_store_ps(
          to + 16, _mm512_fmadd_ps(sums[m][1], scale, _mm512_load_ps(to + 16)));
    }
  }
}

// Adds sums of values times minima.
template <int kRows>
inline void AddMinima(const uint8_t* minima, const int32_t* row_sums,
                      ptrdiff_t stride, __m512 (&sums)[kRows][2]) {
  const __m512 low = LoadHalves(minima);
  const __m512 high = LoadHalves(minima + 32);
#pragma GCC unroll 6
  for (int m = 0; m < kRows; ++m) {
    const __m512 sum =
        _mm512_cvtepi32_ps(_mm512_set1_epi32(row_sums[m * stride]));
    sums[m][0] = _mm512_fmadd_ps(sum, low, sums[m][0]);
    sums[m][1] = _mm512_fmadd_ps(sum, high, sums[m][1]);
  }
}

template <int kRows, int kBits>
void Tile(const GroupRun& run, const RowTile& tile, Ahead& ahead) {
  __m512 sums[kRows][2];
#pragma GCC unroll 6
  for (int m = 0; m < kRows; ++m) sums[m][0] = sums[m][1] = _mm512_setzero_ps();
  const uint8_t* scales = run.scales;
  const uint8_t* codes = run.codes;
  const int8_t* x = tile.values;
  for (int32_t g = 0; g < run.groups; ++g) {
    Sums<kRows> products;
#pragma GCC unroll 6
    for (int m = 0; m < kRows; ++m) {
      products[m][0] = products[m][1] =
          run.has_minimum
              ? _mm512_setzero_si512()
              : _mm512_set1_epi32(tile.sums[m * tile.sums_stride + g]);
    }
    const uint8_t* part = codes;
    for (int32_t p = 0; p < run.parts; ++p) {
      if constexpr (kBits == 8) {
        Part8<kRows>(part, x, products);
      } else {
        Part4<kRows>(part, x, products);
      }
      part += kMinGroup * kQuantPanelRows * kBits / 8;
      x += kMinGroup;
    }
    Fetch(ahead);
    const __m512 low = LoadHalves(scales);
    const __m512 high = LoadHalves(scales + 32);
#pragma GCC unroll 6
    for (int m = 0; m < kRows; ++m) {
      sums[m][0] =
          _mm512_fmadd_ps(_mm512_cvtepi32_ps(products[m][0]), low, sums[m][0]);
      sums[m][1] =
          _mm512_fmadd_ps(_mm512_cvtepi32_ps(products[m][1]), high, sums[m][1]);
    }
    if (run.has_minimum) {
      AddMinima<kRows>(scales + kLine, tile.sums + g, tile.sums_stride, sums);
    }
    scales += run.scale_stride;
    codes += run.code_stride;
  }
  AddToTotals<kRows>(tile, sums);
}

template <int kBits>
void TileOf(const GroupRun& run, const RowTile& tile, int32_t rows,
            Ahead& ahead) {
  switch (rows) {
    case 1:
      return Tile<1, kBits>(run, tile, ahead);
    case 2:
      return Tile<2, kBits>(run, tile, ahead);
    case 3:
      return Tile<3, kBits>(run, tile, ahead);
    case 4:
      return Tile<4, kBits>(run, tile, ahead);
    case 5:
      return Tile<5, kBits>(run, tile, ahead);
    default:
      return Tile<6, kBits>(run, tile, ahead);
  }
}

// Rows of the next tile: the last two tiles share what is left.
inline int32_t TileSize(int32_t left) {
  if (left >= 2 * kTileRows || left == kTileRows) return kTileRows;
  return left > kTileRows ? (left + 1) / 2 : left;
}

// The fetch of the next block is spread over the tiles of this one.
template <int kBits>
void BlockOfColumns(const GroupRun& run, RowTile tile, int32_t rows,
                    const uint8_t* next, int64_t next_bytes) {
  const int32_t tiles = (rows + kTileRows - 1) / kTileRows;
  const int64_t shares = int64_t{tiles} * run.groups * kLine;
  Ahead ahead{
      next,
      tiles < 2 ? 0 : static_cast<int32_t>((next_bytes + shares - 1) / shares)};
  while (rows > 0) {
    const int32_t count = TileSize(rows);
    TileOf<kBits>(run, tile, count, ahead);
    tile.values += count * kActivationBlock;
    tile.scales += count;
    tile.sums += count * tile.sums_stride;
    tile.totals += count * kQuantPanelRows;
    rows -= count;
  }
}

// One code per byte, in the order of 8-bit codes.
void Unpack(const GroupRun& run, uint8_t* to) {
  const __m512i mask = _mm512_set1_epi8(15);
  const uint8_t* group = run.codes;
  for (int32_t g = 0; g < run.groups; ++g, group += run.code_stride) {
    const uint8_t* from = group;
    for (int32_t pair = 0; pair < 4 * run.parts; ++pair) {
      const __m512i a = _mm512_load_si512(from);
      const __m512i b = _mm512_load_si512(from + kLine);
      _mm512_store_si512(to, _mm512_and_si512(a, mask));
      _mm512_store_si512(to + kLine, _mm512_and_si512(b, mask));
      _mm512_store_si512(to + 2 * kLine,
                         _mm512_and_si512(_mm512_srli_epi16(a, 4), mask));
      _mm512_store_si512(to + 3 * kLine,
                         _mm512_and_si512(_mm512_srli_epi16(b, 4), mask));
      from += 2 * kLine;
      to += 4 * kLine;
    }
  }
}

void StoreRow(const QuantLinearCall& call, int32_t row_begin,
              const float* totals, float* out) {
  const int32_t left = call.weights.rows - row_begin;
  for (int32_t i = 0; i < kQuantPanelRows && i < left; i += 16) {
    const __mmask16 mask = left - i >= 16
                               ? static_cast<__mmask16>(0xffff)
                               : static_cast<__mmask16>((1u << (left - i)) - 1);
    __m512 value = _mm512_load_ps(totals + i);
    if (call.bias != nullptr) {
      value = _mm512_add_ps(
          value, _mm512_maskz_loadu_ps(mask, call.bias + row_begin + i));
    }
    float* to = out + row_begin + i;
    if (call.add_to_out) {
      value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(mask, to));
    }
    _mm512_mask_storeu_ps(to, mask, value);
  }
}

// A panel against rows [m_begin, m_begin + rows), rows <= kBlockRows.
void Panel(const QuantLinearCall& call, int32_t panel, int32_t m_begin,
           int32_t rows) {
  alignas(64) float totals[kBlockRows * kQuantPanelRows];
  alignas(64) uint8_t unpacked[kActivationBlock * kQuantPanelRows];
  const QuantMatrixView& w = call.weights;
  const QuantRowsView& x = call.x;
  const int32_t header = w.has_minimum ? 2 * kLine : kLine;
  const int32_t per_block = kActivationBlock / w.group;
  int32_t groups_left = (w.columns + w.group - 1) / w.group;
  const uint8_t* at = w.panels + panel * w.panel_bytes;
  for (int64_t block = 0; groups_left > 0; ++block) {
    const int32_t groups = groups_left < per_block ? groups_left : per_block;
    const int64_t row = block * x.rows + m_begin;
    GroupRun run{at,     w.group_bytes,       at + header,  w.group_bytes,
                 groups, w.group / kMinGroup, w.has_minimum};
    const RowTile tile{x.values + row * kActivationBlock,
                       x.scales + row,
                       x.sums + row * per_block,
                       per_block,
                       totals,
                       block == 0};
    const int64_t bytes = groups * w.group_bytes;
    at += bytes;
    if (w.bits == 8) {
      BlockOfColumns<8>(run, tile, rows, at, bytes);
    } else if (rows <= kRowsUnpackedAlong) {
      BlockOfColumns<4>(run, tile, rows, at, bytes);
    } else {
      Unpack(run, unpacked);
      run.codes = unpacked;
      run.code_stride = ptrdiff_t{w.group} * kQuantPanelRows;
      BlockOfColumns<8>(run, tile, rows, at, bytes);
    }
    groups_left -= groups;
  }
  for (int32_t m = 0; m < rows; ++m) {
    StoreRow(call, panel * kQuantPanelRows, totals + m * kQuantPanelRows,
             call.out + (m_begin + m) * call.out_stride);
  }
}

}  // namespace

void SLUICE_QUANT_LINEAR_512(const QuantLinearCall& call, int32_t panel_begin,
                             int32_t panel_end) {
  for (int32_t panel = panel_begin; panel < panel_end; ++panel) {
    for (int32_t m = 0; m < call.x.rows; m += kBlockRows) {
      const int32_t left = call.x.rows - m;
      Panel(call, panel, m, left < kBlockRows ? left : kBlockRows);
    }
  }
}

}  // namespace sluice::generator::kernels
