#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "services/generator/kernels/quant_linear.h"

// This file is compiled twice: for AVX2 alone and, as QuantLinearAvxVnni, for
// AVX2 with the 8-bit multiply-add of AVX-VNNI. (Its test compiles it once
// more, for the same instruction in the encoding of AVX-512.)
#ifdef SLUICE_QUANT_LINEAR_VNNI
#define SLUICE_QUANT_LINEAR SLUICE_QUANT_LINEAR_VNNI
#else
#define SLUICE_QUANT_LINEAR QuantLinearAvx2
#endif

namespace sluice::generator::kernels {
namespace {

// A panel is walked in halves of 16 rows, two registers of sums each.
constexpr int32_t kHalfRows = 16;
constexpr int32_t kTileRows = 2;
// Rows of x that share one pass over a panel.
constexpr int32_t kBlockRows = 96;
// One step: four columns of the 32 rows of a panel.
constexpr int32_t kStepBytes = 4 * kQuantPanelRows;
constexpr int32_t kHalfBytes = 4 * kHalfRows;
constexpr int32_t kScaleBytes = 2 * kQuantPanelRows;

// The groups of a half panel inside one block of activations.
struct GroupRun {
  const uint8_t* scales;
  const uint8_t* codes;
  ptrdiff_t stride;
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

inline __m256i Load(const uint8_t* from) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
}

inline __m256 LoadHalves(const uint8_t* from) {
  return _mm256_cvtph_ps(
      _mm_load_si128(reinterpret_cast<const __m128i*>(from)));
}

inline __m256i Splat4(const int8_t* from) {
  int32_t four;
  __builtin_memcpy(&four, from, sizeof(four));
  return _mm256_set1_epi32(four);
}

template <int kRows>
using Sums = __m256i[kRows][2];

#ifdef SLUICE_QUANT_LINEAR_VNNI

// Products of unsigned codes start from the zero point's share.
constexpr bool kUnsigned8 = true;

inline __m256i AddProducts(__m256i sum, __m256i codes, __m256i values) {
#ifdef __AVXVNNI__
  return _mm256_dpbusd_avx_epi32(sum, codes, values);
#else
  return _mm256_dpbusd_epi32(sum, codes, values);
#endif
}

template <int kRows>
inline void Part8(const uint8_t* codes, const int8_t* x, Sums<kRows>& sums) {
#pragma GCC unroll 8
  for (int step = 0; step < 8; ++step) {
#pragma GCC unroll 2
    for (int r = 0; r < 2; ++r) {
      const __m256i w = Load(codes + step * kStepBytes + 32 * r);
#pragma GCC unroll 2
      for (int m = 0; m < kRows; ++m) {
        sums[m][r] = AddProducts(sums[m][r], w,
                                 Splat4(x + m * kActivationBlock + 4 * step));
      }
    }
  }
}

template <int kRows>
inline void Part4(const uint8_t* codes, const int8_t* x, Sums<kRows>& sums) {
  const __m256i mask = _mm256_set1_epi8(15);
#pragma GCC unroll 4
  for (int pair = 0; pair < 4; ++pair) {
#pragma GCC unroll 2
    for (int r = 0; r < 2; ++r) {
      const __m256i both = Load(codes + pair * kStepBytes + 32 * r);
      const __m256i low = _mm256_and_si256(both, mask);
      const __m256i high = _mm256_and_si256(_mm256_srli_epi16(both, 4), mask);
#pragma GCC unroll 2
      for (int m = 0; m < kRows; ++m) {
        const int8_t* at = x + m * kActivationBlock + 8 * pair;
        sums[m][r] = AddProducts(sums[m][r], low, Splat4(at));
        sums[m][r] = AddProducts(sums[m][r], high, Splat4(at + 4));
      }
    }
  }
}

#else

// The signed path of 8 bits needs no zero point taken off.
constexpr bool kUnsigned8 = false;

// Pairs of 8-bit products would overflow 16 bits when unsigned codes meet
// signed values: so the codes give their sign away. 2 * 128 * 127 fits.
template <int kRows>
inline void Part8(const uint8_t* codes, const int8_t* x, Sums<kRows>& sums) {
  const __m256i flip = _mm256_set1_epi8(static_cast<char>(0x80));
  const __m256i ones = _mm256_set1_epi16(1);
#pragma GCC unroll 8
  for (int step = 0; step < 8; ++step) {
#pragma GCC unroll 2
    for (int r = 0; r < 2; ++r) {
      const __m256i w =
          _mm256_xor_si256(Load(codes + step * kStepBytes + 32 * r), flip);
      const __m256i size = _mm256_abs_epi8(w);
#pragma GCC unroll 2
      for (int m = 0; m < kRows; ++m) {
        const __m256i four = Splat4(x + m * kActivationBlock + 4 * step);
        const __m256i pairs =
            _mm256_maddubs_epi16(size, _mm256_sign_epi8(four, w));
        sums[m][r] =
            _mm256_add_epi32(sums[m][r], _mm256_madd_epi16(pairs, ones));
      }
    }
  }
}

// The pairs of 32 columns, 8 * 2 * 15 * 127, fit into 16 bits together.
template <int kRows>
inline void Part4(const uint8_t* codes, const int8_t* x, Sums<kRows>& sums) {
  const __m256i mask = _mm256_set1_epi8(15);
  const __m256i ones = _mm256_set1_epi16(1);
#pragma GCC unroll 2
  for (int r = 0; r < 2; ++r) {
    __m256i pairs[kRows];
#pragma GCC unroll 2
    for (int m = 0; m < kRows; ++m) pairs[m] = _mm256_setzero_si256();
#pragma GCC unroll 4
    for (int pair = 0; pair < 4; ++pair) {
      const __m256i both = Load(codes + pair * kStepBytes + 32 * r);
      const __m256i low = _mm256_and_si256(both, mask);
      const __m256i high = _mm256_and_si256(_mm256_srli_epi16(both, 4), mask);
#pragma GCC unroll 2
      for (int m = 0; m < kRows; ++m) {
        const int8_t* at = x + m * kActivationBlock + 8 * pair;
        pairs[m] =
            _mm256_add_epi16(pairs[m], _mm256_maddubs_epi16(low, Splat4(at)));
        pairs[m] = _mm256_add_epi16(pairs[m],
                                    _mm256_maddubs_epi16(high, Splat4(at + 4)));
      }
    }
#pragma GCC unroll 2
    for (int m = 0; m < kRows; ++m) {
      sums[m][r] =
          _mm256_add_epi32(sums[m][r], _mm256_madd_epi16(pairs[m], ones));
    }
  }
}

#endif

template <int kRows>
inline void AddToTotals(const RowTile& tile, const __m256 (&sums)[kRows][2]) {
#pragma GCC unroll 2
  for (int m = 0; m < kRows; ++m) {
    const __m256 scale = _mm256_set1_ps(tile.scales[m]);
#pragma GCC unroll 2
    for (int r = 0; r < 2; ++r) {
      float* to = tile.totals + m * kQuantPanelRows + 8 * r;
      _mm256_store_ps(to, tile.first ? _mm256_mul_ps(sums[m][r], scale)
                                     : _mm256_fmadd_ps(sums[m][r], scale,
                                                       _mm256_load_ps(to)));
    }
  }
}

// Products of a group scaled, and its minimum.
template <int kRows>
inline void AddGroup(const GroupRun& run, const uint8_t* scales,
                     const Sums<kRows>& products, const RowTile& tile,
                     int32_t group, __m256 (&sums)[kRows][2]) {
#pragma GCC unroll 2
  for (int r = 0; r < 2; ++r) {
    const __m256 scale = LoadHalves(scales + 16 * r);
#pragma GCC unroll 2
    for (int m = 0; m < kRows; ++m) {
      sums[m][r] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(products[m][r]), scale,
                                   sums[m][r]);
    }
    if (!run.has_minimum) continue;
    const __m256 minimum = LoadHalves(scales + kScaleBytes + 16 * r);
#pragma GCC unroll 2
    for (int m = 0; m < kRows; ++m) {
      const __m256i plain =
          _mm256_set1_epi32(tile.sums[m * tile.sums_stride + group]);
      sums[m][r] =
          _mm256_fmadd_ps(_mm256_cvtepi32_ps(plain), minimum, sums[m][r]);
    }
  }
}

template <int kRows, int kBits>
void Tile(const GroupRun& run, const RowTile& tile) {
  __m256 sums[kRows][2];
  for (int m = 0; m < kRows; ++m) sums[m][0] = sums[m][1] = _mm256_setzero_ps();
  const int8_t* x = tile.values;
  for (int32_t g = 0; g < run.groups; ++g) {
    Sums<kRows> products;
    for (int m = 0; m < kRows; ++m) {
      products[m][0] = products[m][1] =
          (kBits == 8 && !kUnsigned8) || run.has_minimum
              ? _mm256_setzero_si256()
              : _mm256_set1_epi32(tile.sums[m * tile.sums_stride + g]);
    }
    const uint8_t* part = run.codes + g * run.stride;
    for (int32_t p = 0; p < run.parts; ++p) {
      if constexpr (kBits == 8) {
        Part8<kRows>(part, x, products);
      } else {
        Part4<kRows>(part, x, products);
      }
      part += kMinGroup * kQuantPanelRows * kBits / 8;
      x += kMinGroup;
    }
    AddGroup<kRows>(run, run.scales + g * run.stride, products, tile, g, sums);
  }
  AddToTotals<kRows>(tile, sums);
}

template <int kBits>
void BlockOfColumns(const GroupRun& run, RowTile tile, int32_t rows) {
  int32_t m = 0;
  for (; m + kTileRows <= rows; m += kTileRows) {
    Tile<kTileRows, kBits>(run, tile);
    tile.values += kTileRows * kActivationBlock;
    tile.scales += kTileRows;
    tile.sums += kTileRows * tile.sums_stride;
    tile.totals += kTileRows * kQuantPanelRows;
  }
  if (m < rows) Tile<1, kBits>(run, tile);
}

void StoreRow(const QuantLinearCall& call, int32_t row_begin,
              const float* totals, float* out) {
  const int32_t left = call.weights.rows - row_begin;
  int32_t i = 0;
  for (; i + 8 <= kQuantPanelRows && i + 8 <= left; i += 8) {
    __m256 value = _mm256_load_ps(totals + i);
    if (call.bias != nullptr) {
      value = _mm256_add_ps(value, _mm256_loadu_ps(call.bias + row_begin + i));
    }
    float* to = out + row_begin + i;
    if (call.add_to_out) value = _mm256_add_ps(value, _mm256_loadu_ps(to));
    _mm256_storeu_ps(to, value);
  }
  for (; i < kQuantPanelRows && i < left; ++i) {
    float value = totals[i];
    if (call.bias != nullptr) value += call.bias[row_begin + i];
    if (call.add_to_out) value += out[row_begin + i];
    out[row_begin + i] = value;
  }
}

// A panel against rows [m_begin, m_begin + rows), rows <= kBlockRows.
void Panel(const QuantLinearCall& call, int32_t panel, int32_t m_begin,
           int32_t rows) {
  alignas(64) float totals[kBlockRows * kQuantPanelRows];
  const QuantMatrixView& w = call.weights;
  const QuantRowsView& x = call.x;
  const int32_t header = w.has_minimum ? 2 * kScaleBytes : kScaleBytes;
  const int32_t per_block = kActivationBlock / w.group;
  int32_t groups_left = (w.columns + w.group - 1) / w.group;
  const uint8_t* at = w.panels + panel * w.panel_bytes;
  for (int64_t block = 0; groups_left > 0; ++block) {
    const int32_t groups = groups_left < per_block ? groups_left : per_block;
    const int64_t row = block * x.rows + m_begin;
    for (int32_t half = 0; half < 2; ++half) {
      const GroupRun run{at + half * 2 * kHalfRows,
                         at + header + half * kHalfBytes,
                         w.group_bytes,
                         groups,
                         w.group / kMinGroup,
                         w.has_minimum};
      const RowTile tile{x.values + row * kActivationBlock, x.scales + row,
                         x.sums + row * per_block,          per_block,
                         totals + half * kHalfRows,         block == 0};
      if (w.bits == 8) {
        BlockOfColumns<8>(run, tile, rows);
      } else {
        BlockOfColumns<4>(run, tile, rows);
      }
    }
    at += groups * w.group_bytes;
    groups_left -= groups;
  }
  for (int32_t m = 0; m < rows; ++m) {
    StoreRow(call, panel * kQuantPanelRows, totals + m * kQuantPanelRows,
             call.out + (m_begin + m) * call.out_stride);
  }
}

}  // namespace

void SLUICE_QUANT_LINEAR(const QuantLinearCall& call, int32_t panel_begin,
                         int32_t panel_end) {
  for (int32_t panel = panel_begin; panel < panel_end; ++panel) {
    for (int32_t m = 0; m < call.x.rows; m += kBlockRows) {
      const int32_t left = call.x.rows - m;
      Panel(call, panel, m, left < kBlockRows ? left : kBlockRows);
    }
  }
}

}  // namespace sluice::generator::kernels
