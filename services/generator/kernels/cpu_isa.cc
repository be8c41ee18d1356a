#include "services/generator/kernels/cpu_isa.h"

#include <cpuid.h>

#include <array>
#include <cstdint>

namespace sluice::generator::kernels {
namespace {

constexpr std::array kAll = {CpuIsa::kScalar, CpuIsa::kAvx2, CpuIsa::kAvx512};

}  // namespace

std::string_view CpuIsaName(CpuIsa isa) {
  switch (isa) {
    case CpuIsa::kScalar:
      return "scalar";
    case CpuIsa::kAvx2:
      return "avx2";
    case CpuIsa::kAvx512:
      return "avx512";
  }
  return "";
}

std::optional<CpuIsa> CpuIsaFromName(std::string_view name) {
  for (CpuIsa isa : kAll) {
    if (CpuIsaName(isa) == name) return isa;
  }
  return std::nullopt;
}

// The builtin reads cpuid and, through xgetbv, whether the operating system
// saves the wide registers.
bool CpuSupports(CpuIsa isa) {
  __builtin_cpu_init();
  switch (isa) {
    case CpuIsa::kScalar:
      return true;
    case CpuIsa::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
             __builtin_cpu_supports("f16c");
    case CpuIsa::kAvx512:
      return CpuSupports(CpuIsa::kAvx2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("avx512dq");
  }
  return false;
}

// gcc 12 has no name for this one: cpuid leaf 7, subleaf 1, eax bit 4.
bool CpuHasAvxVnni() {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
  return CpuSupports(CpuIsa::kAvx2) &&
         __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 &&
         (eax >> 4 & 1) != 0;
}

bool CpuHasAvx512Vnni() {
  return CpuSupports(CpuIsa::kAvx512) && __builtin_cpu_supports("avx512vnni");
}

bool CpuHasAvx512Bf16() {
  return CpuSupports(CpuIsa::kAvx512) && __builtin_cpu_supports("avx512bf16");
}

CpuIsa BestCpuIsa() {
  CpuIsa best = CpuIsa::kScalar;
  for (CpuIsa isa : kAll) {
    if (CpuSupports(isa)) best = isa;
  }
  return best;
}

}  // namespace sluice::generator::kernels
