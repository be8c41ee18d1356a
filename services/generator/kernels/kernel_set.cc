#include "services/generator/kernels/kernel_set.h"

namespace sluice::generator::kernels {

KernelSet KernelsFor(CpuIsa isa) {
  KernelSet set{.linear = LinearScalar,
                .quant_linear = QuantLinearScalar,
                .quantize_row = QuantizeRowScalar,
                .rms_norm_quantize = RmsNormQuantizeScalar,
                .swiglu_quantize = SwigluQuantizeScalar,
                .attention = AttentionScalar,
                .attention_merge = AttentionMergeScalar,
                .rms_norm = RmsNormScalar,
                .rope = RopeScalar,
                .swiglu = SwigluScalar,
                .kv_write = KvWriteScalar};
  if (isa == CpuIsa::kScalar) return set;
  set = {.linear = LinearAvx2,
         .quant_linear = QuantLinearAvx2,
         .quantize_row = QuantizeRowAvx2,
         .rms_norm_quantize = RmsNormQuantizeAvx2,
         .swiglu_quantize = SwigluQuantizeAvx2,
         .attention = AttentionAvx2,
         .attention_merge = AttentionMergeAvx2,
         .rms_norm = RmsNormAvx2,
         .rope = RopeAvx2,
         .swiglu = SwigluAvx2,
         .kv_write = KvWriteAvx2};
  // The bits are the same, so what the processor has may decide.
  if (CpuHasAvxVnni()) set.quant_linear = QuantLinearAvxVnni;
  if (isa == CpuIsa::kAvx2) return set;
  // The other operators are too short to gain from wider registers.
  set.linear = LinearAvx512;
  set.attention = CpuHasAvx512Bf16() ? AttentionAvx512Bf16 : AttentionAvx512;
  if (CpuHasAvx512Vnni()) set.quant_linear = QuantLinearAvx512Vnni;
  return set;
}

}  // namespace sluice::generator::kernels
