#include "services/generator/kernels/swiglu.h"

#include "services/generator/kernels/exp_scalar.h"

namespace sluice::generator::kernels {

void SwigluScalar(const float* gate, const float* up, int32_t size,
                  float* out) {
  for (int32_t i = 0; i < size; ++i) {
    out[i] = gate[i] / (1.0f + ExpScalar(-gate[i])) * up[i];
  }
}

}  // namespace sluice::generator::kernels
