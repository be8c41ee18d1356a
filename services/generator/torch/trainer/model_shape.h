#pragma once

#include <cstdint>

namespace sluice::generator {

struct ModelShape {
  int64_t vocabulary = 0;  // that of the ids
  int64_t hidden = 256;
  int64_t layers = 4;
  int64_t heads = 4;
  int64_t kv_heads = 2;
  int64_t ffn = 704;
  int64_t max_positions = 4096;
  double rope_theta = 10000.0;
  double rms_norm_eps = 1e-6;

  int64_t head_dim() const { return hidden / heads; }
};

}  // namespace sluice::generator
