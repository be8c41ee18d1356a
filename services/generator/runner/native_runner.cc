#include "services/generator/runner/native_runner.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/cpu_budget.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/safetensors.h"
#include "services/generator/runner/forward_pass.h"
#include "services/generator/runner/kv_pool.h"
#include "services/generator/runner/memory_budget.h"
#include "services/generator/weights/source_identity.h"

namespace sluice::generator {
namespace {

constexpr int32_t kMaxThreads = 1024;
constexpr int32_t kMaxBlockSize = 1024;
constexpr int32_t kMaxPassRows = 1 << 16;
constexpr size_t kHashShown = 16;

absl::Status BadOption(absl::string_view field, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", what));
}

absl::Status CheckRange(absl::string_view field, int64_t value, int64_t min,
                        int64_t max) {
  if (value >= min && value <= max) return absl::OkStatus();
  return BadOption(field, absl::StrCat("out of range, got ", value, ", limit ",
                                       min, " to ", max));
}

absl::Status CheckOptions(const NativeRunnerOptions& options) {
  constexpr int64_t kAny = std::numeric_limits<int64_t>::max();
  RETURN_IF_ERROR(
      CheckRange("kv_cache_bytes", options.kv_cache_bytes, 1, kAny));
  RETURN_IF_ERROR(CheckRange("block_count", options.block_count, 0,
                             std::numeric_limits<int32_t>::max()));
  RETURN_IF_ERROR(CheckRange("block_size", options.block_size,
                             kernels::kKeyGroup, kMaxBlockSize));
  if (options.block_size % kernels::kKeyGroup != 0) {
    return BadOption("block_size",
                     absl::StrCat("must be a multiple of ", kernels::kKeyGroup,
                                  ", got ", options.block_size));
  }
  RETURN_IF_ERROR(CheckRange("threads", options.threads, 0, kMaxThreads));
  RETURN_IF_ERROR(
      CheckRange("max_context", options.max_context, 0, kMaxPositions));
  RETURN_IF_ERROR(CheckOptions(options.pack_cache));
  return CheckRange("max_pass_rows", options.max_pass_rows, 1, kMaxPassRows);
}

absl::StatusOr<kernels::KvFormat> ParseKvFormat(const std::string& name) {
  if (name == "f32") return kernels::KvFormat::kF32;
  if (name == "bf16") return kernels::KvFormat::kBf16;
  if (name == "int8") return kernels::KvFormat::kInt8;
  return BadOption("kv_format", absl::StrCat("unknown format, got \"", name,
                                             "\", supported: f32, bf16, int8"));
}

absl::StatusOr<kernels::CpuIsa> ChooseIsa(const std::string& name) {
  if (name == "auto") return kernels::BestCpuIsa();
  const auto isa = kernels::CpuIsaFromName(name);
  if (!isa.has_value()) {
    return BadOption("cpu_isa",
                     absl::StrCat("unknown instruction set, got \"", name,
                                  "\", supported: auto, scalar, avx2, avx512"));
  }
  if (!kernels::CpuSupports(*isa)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "cpu_isa: this processor lacks it, got ", name, ", best here: ",
        std::string(kernels::CpuIsaName(kernels::BestCpuIsa()))));
  }
  return *isa;
}

absl::StatusOr<int32_t> ChooseBlockCount(const NativeRunnerOptions& options,
                                         int64_t block_bytes) {
  if (options.block_count > 0) return options.block_count;
  const int64_t blocks = options.kv_cache_bytes / block_bytes;
  if (blocks == 0) {
    return BadOption(
        "kv_cache_bytes",
        absl::StrCat("too small for one block, got ", options.kv_cache_bytes,
                     ", one takes ", block_bytes));
  }
  return static_cast<int32_t>(
      std::min<int64_t>(blocks, std::numeric_limits<int32_t>::max()));
}

// What the KV cache takes when every block is in use.
absl::StatusOr<int64_t> KvCacheBytes(const ModelConfig& config,
                                     const NativeRunnerOptions& options) {
  ASSIGN_OR_RETURN(const kernels::KvFormat format,
                   ParseKvFormat(options.kv_format));
  const int64_t block_bytes =
      KvPool::BlockBytes(config, format, options.block_size);
  ASSIGN_OR_RETURN(const int32_t blocks,
                   ChooseBlockCount(options, block_bytes));
  int64_t bytes = 0;
  return __builtin_mul_overflow(block_bytes, int64_t{blocks}, &bytes)
             ? std::numeric_limits<int64_t>::max() / 2
             : bytes;
}

// Where the packed weights of a model of that size are kept; nowhere, with a
// warning, when no directory can be named.
std::optional<PackCache> OpenPackCache(const PackCacheOptions& options,
                                       int64_t parameters,
                                       const LoadObserver& observer) {
  if (parameters < options.least_parameters) return std::nullopt;
  const auto directory = PackCacheDirectory(options);
  if (!directory.ok() && observer.warning) {
    observer.warning(absl::StrCat("pack cache: ", directory.status().message(),
                                  "; each start packs again"));
  }
  if (!directory.ok() || !directory->has_value()) return std::nullopt;
  return PackCache(**directory, options.max_bytes);
}

// Tells an observer at its end how long it lived.
class Stopwatch {
 public:
  Stopwatch(const LoadObserver& observer, std::string_view phase)
      : observer_(observer), phase_(phase), start_(clock_.Now()) {}
  ~Stopwatch() {
    if (!observer_.phase) return;
    observer_.phase(phase_, ToSeconds(clock_.Now() - start_));
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  const LoadObserver& observer_;
  std::string_view phase_;
  MonotonicClock clock_;
  Nanos start_;
};

// Positions of a sequence: the least of model, option and pool.
int32_t ContextLength(const ModelConfig& config,
                      const NativeRunnerOptions& options, int32_t block_count) {
  int64_t length = config.max_positions;
  if (options.max_context > 0) {
    length = std::min<int64_t>(length, options.max_context);
  }
  return static_cast<int32_t>(
      std::min(length, int64_t{block_count} * options.block_size));
}

class NativeRunner final : public ModelRunner {
 public:
  static absl::StatusOr<std::unique_ptr<NativeRunner>> Create(
      const std::string& directory, const NativeRunnerOptions& options,
      const LoadObserver& observer);

  const RunnerInfo& info() const override { return info_; }
  absl::StatusOr<LogitsView> Run(const StepPlan& plan) override;

 private:
  NativeRunner(ModelConfig config, int threads)
      : config_(std::move(config)), threads_({.threads = threads}) {}

  absl::Status Load(const std::string& directory,
                    const NativeRunnerOptions& options,
                    const LoadObserver& observer);
  absl::Status Build(const NativeRunnerOptions& options);
  void Describe(const NativeRunnerOptions& options, kernels::CpuIsa isa);
  void Check(const StepPlan& plan) const;
  absl::Status ReserveLogits(size_t rows);
  void RunPasses(const StepPlan& plan);

  ModelConfig config_;
  kernels::ThreadPool threads_;
  DecoderWeights weights_;
  std::unique_ptr<KvPool> kv_pool_;
  std::unique_ptr<ForwardPass> pass_;
  RunnerInfo info_;
  kernels::HugeBuffer logits_;
};

absl::StatusOr<std::unique_ptr<NativeRunner>> NativeRunner::Create(
    const std::string& directory, const NativeRunnerOptions& options,
    const LoadObserver& observer) {
  RETURN_IF_ERROR(CheckOptions(options));
  // Judged before gigabytes are read for nothing.
  RETURN_IF_ERROR(ParseKvFormat(options.kv_format).status());
  RETURN_IF_ERROR(ChooseFormats(options.quantize, 0).status());
  RETURN_IF_ERROR(ChooseIsa(options.cpu_isa).status());
  ASSIGN_OR_RETURN(ModelConfig config, ReadModelConfig(directory));
  const int threads =
      options.threads > 0 ? options.threads : ReadCpuBudget().usable_threads();
  std::unique_ptr<NativeRunner> runner(
      new NativeRunner(std::move(config), threads));
  RETURN_IF_ERROR(runner->Load(directory, options, observer));
  const Stopwatch building(observer, "build");
  RETURN_IF_ERROR(runner->Build(options));
  return runner;
}

absl::Status NativeRunner::Load(const std::string& directory,
                                const NativeRunnerOptions& options,
                                const LoadObserver& observer) {
  WeightRequest request{.memory_bytes = AvailableMemoryBytes(),
                        .directory = directory};
  const int64_t parameters = CountParameters(config_);
  ASSIGN_OR_RETURN(request.formats,
                   ChooseFormats(options.quantize, parameters));
  ASSIGN_OR_RETURN(request.kv_cache_bytes, KvCacheBytes(config_, options));
  const std::optional<PackCache> cache =
      OpenPackCache(options.pack_cache, parameters, observer);
  std::unique_ptr<SafetensorsReader> reader;
  {
    const Stopwatch opening(observer, "open");
    if (cache.has_value()) {
      request.cache = &*cache;
      ASSIGN_OR_RETURN(request.identity, SourceIdentity(directory));
    }
    ASSIGN_OR_RETURN(reader, SafetensorsReader::OpenDirectory(directory));
  }
  ASSIGN_OR_RETURN(weights_,
                   LoadDecoderWeights(
                       config_, *reader, request, threads_,
                       {observer.progress, observer.warning, observer.phase}));
  return absl::OkStatus();
}

absl::Status NativeRunner::Build(const NativeRunnerOptions& options) {
  ASSIGN_OR_RETURN(const kernels::KvFormat format,
                   ParseKvFormat(options.kv_format));
  ASSIGN_OR_RETURN(const kernels::CpuIsa isa, ChooseIsa(options.cpu_isa));
  const int64_t block_bytes =
      KvPool::BlockBytes(config_, format, options.block_size);
  ASSIGN_OR_RETURN(const int32_t blocks,
                   ChooseBlockCount(options, block_bytes));
  ASSIGN_OR_RETURN(KvPool pool,
                   KvPool::Create(config_, format, options.block_size, blocks));
  kv_pool_ = std::make_unique<KvPool>(std::move(pool));
  const ForwardPass::Parts parts{.config = &config_,
                                 .weights = &weights_,
                                 .kernels = kernels::KernelsFor(isa),
                                 .kv_pool = kv_pool_.get(),
                                 .threads = &threads_};
  ASSIGN_OR_RETURN(ForwardPass pass,
                   ForwardPass::Create(parts, options.max_pass_rows));
  pass_ = std::make_unique<ForwardPass>(std::move(pass));
  Describe(options, isa);
  return ReserveLogits(1);
}

void NativeRunner::Describe(const NativeRunnerOptions& options,
                            kernels::CpuIsa isa) {
  info_.architecture = config_.architecture;
  info_.backend = "native";
  info_.vocabulary_size = config_.vocabulary_size;
  info_.context_length =
      ContextLength(config_, options, kv_pool_->block_count());
  info_.block_size = kv_pool_->block_size();
  info_.block_count = kv_pool_->block_count();
  info_.block_bytes = kv_pool_->block_bytes();
  info_.parameters = weights_.parameters;
  info_.weight_bytes = weights_.bytes;
  info_.weights_from_cache = weights_.from_cache;
  info_.threads = threads_.threads();
  info_.isa = std::string(kernels::CpuIsaName(isa));
  info_.weight_format = weights_.format;
  info_.kv_format = options.kv_format;
  info_.takes_drafts = true;
  info_.fingerprint =
      absl::StrCat("native-", kernels::kNumericsVersion, "-", info_.isa, "-w",
                   info_.weight_format, "-kv", info_.kv_format, "-",
                   weights_.hash.substr(0, kHashShown));
}

absl::StatusOr<LogitsView> NativeRunner::Run(const StepPlan& plan) {
  Check(plan);
  int32_t wanted = 0;
  for (const SequenceRows& sequence : plan.sequences) {
    wanted += sequence.logit_rows();
  }
  RETURN_IF_ERROR(ReserveLogits(static_cast<size_t>(wanted)));
  for (const BlockCopy& copy : plan.copies) kv_pool_->Copy(copy);
  RunPasses(plan);
  return LogitsView{.rows = wanted,
                    .vocabulary_size = config_.vocabulary_size,
                    .values = absl::MakeConstSpan(
                        logits_.floats(),
                        static_cast<size_t>(wanted) * config_.vocabulary_size)};
}

void NativeRunner::Check(const StepPlan& plan) const {
  const auto is_block = [&](int32_t block) {
    return block >= 0 && block < info_.block_count;
  };
  for (const BlockCopy& copy : plan.copies) {
    SLUICE_CHECK(is_block(copy.from_block) && is_block(copy.to_block),
                 "block of a copy out of range");
    SLUICE_CHECK(copy.positions >= 0 && copy.positions <= info_.block_size,
                 "positions of a copy out of range");
  }
  for (const SequenceRows& sequence : plan.sequences) {
    const int64_t end = int64_t{sequence.first_position} +
                        static_cast<int64_t>(sequence.token_ids.size());
    SLUICE_CHECK(!sequence.token_ids.empty(), "sequence without rows");
    SLUICE_CHECK(sequence.draft_rows >= 0 &&
                     static_cast<size_t>(sequence.logit_rows()) <=
                         sequence.token_ids.size(),
                 "logits of more rows than there are");
    SLUICE_CHECK(sequence.first_position >= 0 && end <= info_.context_length,
                 "position out of the context");
    SLUICE_CHECK(
        static_cast<int64_t>(sequence.block_table.size()) * info_.block_size >=
            end,
        "block table too short");
    for (const int32_t block : sequence.block_table) {
      SLUICE_CHECK(is_block(block), "block of a sequence out of range");
    }
    for (const int32_t id : sequence.token_ids) {
      SLUICE_CHECK(id >= 0 && id < info_.vocabulary_size,
                   "token id out of range");
    }
  }
}

// Grows by doubling to the most rows ever wanted; contents are per step.
absl::Status NativeRunner::ReserveLogits(size_t rows) {
  const size_t row_bytes = config_.vocabulary_size * sizeof(float);
  if (rows * row_bytes <= logits_.size()) return absl::OkStatus();
  const size_t bytes = std::bit_ceil(rows) * row_bytes;
  auto memory = kernels::HugeBuffer::Allocate(bytes);
  if (!memory.has_value()) {
    return absl::InternalError(
        absl::StrCat("logits: no memory for ", bytes, " bytes"));
  }
  logits_ = *std::move(memory);
  logits_.Populate();
  return absl::OkStatus();
}

void NativeRunner::RunPasses(const StepPlan& plan) {
  std::vector<PassSequence> batch;
  int32_t room = pass_->max_rows();
  float* logits = logits_.floats();
  const auto flush = [&] {
    if (batch.empty()) return;
    pass_->Run(batch, logits);
    for (const PassSequence& sequence : batch) {
      logits += int64_t{sequence.logit_rows} * config_.vocabulary_size;
    }
    batch.clear();
    room = pass_->max_rows();
  };
  for (const SequenceRows& sequence : plan.sequences) {
    const absl::Span<const int32_t> ids = sequence.token_ids;
    const size_t first_wanted =
        ids.size() - static_cast<size_t>(sequence.logit_rows());
    for (size_t done = 0; done < ids.size();) {
      const size_t count = std::min<size_t>(room, ids.size() - done);
      batch.push_back(
          {.token_ids = ids.subspan(done, count),
           .first_position =
               sequence.first_position + static_cast<int32_t>(done),
           .block_table = sequence.block_table.data(),
           .logit_rows = static_cast<int32_t>(
               done + count - std::clamp(first_wanted, done, done + count))});
      done += count;
      room -= static_cast<int32_t>(count);
      if (room == 0) flush();
    }
  }
  flush();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ModelRunner>> CreateNativeRunner(
    const std::string& directory, const NativeRunnerOptions& options,
    const LoadObserver& observer) {
  return NativeRunner::Create(directory, options, observer);
}

}  // namespace sluice::generator
