#include "tests/parity/backends.h"

#include "services/generator/kernels/cpu_isa.h"
#include "services/generator/runner/native_runner.h"
#include "services/generator/runner/torch_backend.h"

namespace sluice::parity {
namespace {

using generator::ModelRunner;

constexpr int32_t kBlockSize = 16;
constexpr int32_t kNativeThreads = 2;
// OpenMP's barriers make tiny models slow where cores are shared.
constexpr int32_t kTorchThreads = 1;

int32_t BlocksFor(int32_t positions) {
  return (positions + kBlockSize - 1) / kBlockSize;
}

absl::StatusOr<std::unique_ptr<ModelRunner>> MakeNative(
    const RunnerWish& wish, const std::string& isa) {
  generator::NativeRunnerOptions options;
  options.kv_format = "f32";
  options.block_size = kBlockSize;
  options.block_count = BlocksFor(wish.positions);
  options.threads = kNativeThreads;
  options.cpu_isa = isa;
  return generator::CreateNativeRunner(wish.model_directory, options);
}

#ifdef SLUICE_TORCH_LIBRARY
absl::StatusOr<std::unique_ptr<ModelRunner>> MakeTorch(const RunnerWish& wish) {
  generator::TorchRunnerOptions options;
  options.model_directory = wish.model_directory;
  options.block_size = kBlockSize;
  options.block_count = BlocksFor(wish.positions);
  options.threads = kTorchThreads;
  options.library_path = SLUICE_TORCH_LIBRARY;
  return generator::LoadTorchRunner(options);
}
#endif

}  // namespace

void PrintTo(const Backend& backend, std::ostream* out) {
  *out << backend.name << " " << backend.isa;
}

std::vector<Backend> AvailableBackends() {
  using generator::kernels::CpuIsa;
  std::vector<Backend> backends;
  for (const CpuIsa isa : {CpuIsa::kScalar, CpuIsa::kAvx2, CpuIsa::kAvx512}) {
    if (!generator::kernels::CpuSupports(isa)) continue;
    const std::string name(generator::kernels::CpuIsaName(isa));
    backends.push_back({"native", name, [name](const RunnerWish& wish) {
                          return MakeNative(wish, name);
                        }});
  }
#ifdef SLUICE_TORCH_LIBRARY
  backends.push_back({"torch", "torch", MakeTorch});
#endif
  return backends;
}

bool BuiltWithTorch() {
#ifdef SLUICE_TORCH_LIBRARY
  return true;
#else
  return false;
#endif
}

}  // namespace sluice::parity
