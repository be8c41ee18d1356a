#pragma once

// The kernels of one instruction set, chosen once at start.

#include "services/generator/kernels/attention.h"
#include "services/generator/kernels/cpu_isa.h"
#include "services/generator/kernels/kv_write.h"
#include "services/generator/kernels/linear.h"
#include "services/generator/kernels/quant_linear.h"
#include "services/generator/kernels/quantize_rows.h"
#include "services/generator/kernels/rms_norm.h"
#include "services/generator/kernels/rope.h"
#include "services/generator/kernels/swiglu.h"

namespace sluice::generator::kernels {

// Raised when any kernel changes bits.
inline constexpr int32_t kNumericsVersion = 2;

struct KernelSet {
  LinearFn linear = nullptr;
  QuantLinearFn quant_linear = nullptr;
  QuantizeRowFn quantize_row = nullptr;
  RmsNormQuantizeFn rms_norm_quantize = nullptr;
  SwigluQuantizeFn swiglu_quantize = nullptr;
  AttentionFn attention = nullptr;
  AttentionMergeFn attention_merge = nullptr;
  RmsNormFn rms_norm = nullptr;
  RopeFn rope = nullptr;
  SwigluFn swiglu = nullptr;
  KvWriteFn kv_write = nullptr;
};

// REQUIRES: CpuSupports(isa), for the kernels to be called.
KernelSet KernelsFor(CpuIsa isa);

}  // namespace sluice::generator::kernels
