#pragma once

// Philox4x32-10: random numbers as a function of a key and a counter, so that
// a draw depends on where it stands and on nothing that came before.
// Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011.

#include <array>
#include <cstdint>

namespace sluice::generator {

using PhiloxCounter = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;

PhiloxCounter Philox4x32(PhiloxCounter counter, PhiloxKey key);

// The number in [0, 1) that belongs to the token at `position` (absolute) of
// sequence `sequence_index`, a multiple of 2^-53.
double UniformAt(uint64_t seed, int32_t sequence_index, int64_t position);

}  // namespace sluice::generator
