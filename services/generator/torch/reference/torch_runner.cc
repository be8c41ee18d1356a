// The torch backend behind the ModelRunner seam, and the two functions that
// the shared object exports.

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <memory>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/cpu_budget.h"
#include "common/base/status_macros.h"
#include "services/generator/models/model_config.h"
#include "services/generator/runner/torch_backend.h"
#include "services/generator/torch/reference/decoder.h"
#include "services/generator/torch/reference/decoder_weights.h"
#include "services/generator/torch/reference/paged_cache.h"

namespace sluice::generator::reference {
namespace {

class TorchRunner final : public ModelRunner {
 public:
  TorchRunner(RunnerInfo info, Decoder decoder, PagedCache cache)
      : info_(std::move(info)),
        decoder_(std::move(decoder)),
        cache_(std::move(cache)) {}

  const RunnerInfo& info() const override { return info_; }

  absl::StatusOr<LogitsView> Run(const StepPlan& plan) override try {
    const c10::InferenceMode inference;
    PrepareThread();
    logits_ = decoder_.Forward(plan, cache_);
    LogitsView view;
    view.rows = static_cast<int32_t>(logits_.size(0));
    view.vocabulary_size = info_.vocabulary_size;
    view.values = absl::MakeConstSpan(logits_.data_ptr<float>(),
                                      static_cast<size_t>(logits_.numel()));
    return view;
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("torch: ", error.what()));
  }

 private:
  // OpenMP keeps the number of threads per thread, and the engine's is not the
  // one that loaded the model.
  void PrepareThread() {
    if (prepared_ == std::this_thread::get_id()) return;
    at::init_num_threads();
    prepared_ = std::this_thread::get_id();
  }

  const RunnerInfo info_;
  const Decoder decoder_;
  PagedCache cache_;
  at::Tensor logits_;
  std::thread::id prepared_;
};

absl::StatusOr<PagedCacheShape> ChooseCacheShape(
    const TorchRunnerOptions& options, const ModelConfig& config) {
  PagedCacheShape shape = {config.layers, options.block_count,
                           options.block_size, config.kv_heads,
                           config.head_dim};
  if (shape.blocks == 0) {
    const int64_t fitting = options.kv_cache_bytes / shape.block_bytes();
    shape.blocks = static_cast<int32_t>(
        std::min<int64_t>(fitting, std::numeric_limits<int32_t>::max()));
  }
  if (shape.blocks > 0) return shape;
  return absl::InvalidArgumentError(
      absl::StrCat("kv_cache_bytes: got ", options.kv_cache_bytes,
                   ", a block needs ", shape.block_bytes()));
}

int32_t ContextLength(const TorchRunnerOptions& options,
                      const ModelConfig& config, const PagedCacheShape& cache) {
  int64_t context = config.max_positions;
  if (options.max_context > 0) {
    context = std::min<int64_t>(context, options.max_context);
  }
  return static_cast<int32_t>(
      std::min(context, int64_t{cache.blocks} * cache.block_size));
}

RunnerInfo MakeInfo(const TorchRunnerOptions& options,
                    const ModelConfig& config, const DecoderWeights& weights,
                    const PagedCacheShape& cache) {
  RunnerInfo info;
  info.architecture = config.architecture;
  info.backend = "torch";
  info.vocabulary_size = config.vocabulary_size;
  info.context_length = ContextLength(options, config, cache);
  info.block_size = cache.block_size;
  info.block_count = cache.blocks;
  info.block_bytes = cache.block_bytes();
  info.parameters = weights.parameters;
  info.weight_bytes = weights.parameters * static_cast<int64_t>(sizeof(float));
  info.threads = at::get_num_threads();
  info.isa = "torch";
  info.weight_format = "f32";
  info.kv_format = "f32";
  // Outside the numerics contract: results may depend on the batch.
  info.fingerprint = absl::StrCat("torch1-f32-kv:f32-", weights.hash);
  return info;
}

absl::StatusOr<std::unique_ptr<ModelRunner>> Create(
    const TorchRunnerOptions& options) {
  const c10::InferenceMode inference;
  at::set_num_threads(options.threads > 0 ? options.threads
                                          : ReadCpuBudget().usable_threads());
  ASSIGN_OR_RETURN(const ModelConfig config,
                   ReadModelConfig(options.model_directory));
  ASSIGN_OR_RETURN(const PagedCacheShape shape,
                   ChooseCacheShape(options, config));
  ASSIGN_OR_RETURN(DecoderWeights weights,
                   LoadDecoderWeights(options.model_directory, config,
                                      at::get_num_threads()));
  RunnerInfo info = MakeInfo(options, config, weights, shape);
  return std::make_unique<TorchRunner>(
      std::move(info), Decoder(config, std::move(weights)), PagedCache(shape));
}

}  // namespace
}  // namespace sluice::generator::reference

using sluice::generator::ModelRunner;
using sluice::generator::TorchBackendVersion;
using sluice::generator::TorchRunnerOptions;

extern "C" [[gnu::visibility("default")]] void sluice_torch_version(
    TorchBackendVersion* version) {
  *version = TorchBackendVersion();
}

extern "C" [[gnu::visibility("default")]] void sluice_torch_create(
    const TorchRunnerOptions* options,
    absl::StatusOr<std::unique_ptr<ModelRunner>>* runner) {
  try {
    *runner = sluice::generator::reference::Create(*options);
  } catch (const std::exception& error) {
    *runner =
        absl::ResourceExhaustedError(absl::StrCat("torch: ", error.what()));
  }
}
