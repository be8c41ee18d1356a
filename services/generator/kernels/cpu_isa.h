#pragma once

// Which instruction set the kernels use.

#include <optional>
#include <string_view>

namespace sluice::generator::kernels {

enum class CpuIsa {
  kScalar,
  kAvx2,    // AVX2, FMA and F16C
  kAvx512,  // AVX-512 F, BW, VL and DQ
};

// "scalar", "avx2", "avx512".
std::string_view CpuIsaName(CpuIsa isa);
// Nothing for an unknown name.
std::optional<CpuIsa> CpuIsaFromName(std::string_view name);
// What the processor and the operating system offer.
bool CpuSupports(CpuIsa isa);
// The 8-bit multiply-add that some processors have on top of AVX2 or AVX-512.
bool CpuHasAvxVnni();
bool CpuHasAvx512Vnni();
// The bf16 multiply-add.
bool CpuHasAvx512Bf16();
// The best supported one.
CpuIsa BestCpuIsa();

}  // namespace sluice::generator::kernels
