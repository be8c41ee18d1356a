#include "services/generator/models/decoder_weights.h"

#include <bit>
#include <filesystem>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/sha256.h"
#include "common/base/status_macros.h"
#include "services/generator/kernels/kernel_set.h"
#include "services/generator/models/decoder_parts.h"
#include "services/generator/weights/source_identity.h"
#include "services/generator/weights/tensor_hash.h"
#include "services/generator/weights/tensor_packer.h"

namespace sluice::generator {
namespace {

// What changes the result without being a tensor.
std::string ConfigText(const ModelConfig& config, bool tied) {
  return absl::StrCat(config.architecture, " heads ", config.heads, " kv ",
                      config.kv_heads, " dim ", config.head_dim, " theta ",
                      absl::Hex(std::bit_cast<uint64_t>(config.rope_theta)),
                      " eps ",
                      absl::Hex(std::bit_cast<uint64_t>(config.rms_norm_eps)),
                      " tied ", tied ? 1 : 0, "\n");
}

std::string FormatName(const DecoderFormats& formats, const DecoderPlan& plan) {
  std::set<std::string> exact;
  for (const DecoderPart& part : plan.parts) {
    if (part.matrix != nullptr) exact.insert(part.matrix->format_name());
  }
  const std::string exact_format = exact.size() > 1 ? "mixed" : *exact.begin();
  if (formats.layers == formats.head) {
    return formats.layers ? QuantFormatName(*formats.layers) : exact_format;
  }
  const auto name = [](const std::optional<QuantFormat>& format) {
    return format ? QuantFormatName(*format) : std::string("exact");
  };
  return absl::StrCat(name(formats.layers), "-", name(formats.head));
}

// Whether the head is the embedding.
bool DecideTied(const ModelConfig& config, const SafetensorsReader& reader,
                const WeightObserver& observer) {
  if (config.tied_head) return true;
  if (reader.Find(kHeadTensor) != nullptr) return false;
  if (observer.warning) {
    observer.warning(
        "model weights: lm_head.weight is missing though tie_word_embeddings "
        "is false; the embedding stands in");
  }
  return true;
}

// What the packed bytes depend on.
PackKey KeyOf(const ModelConfig& config, bool tied,
              const WeightRequest& request) {
  std::error_code error;
  const auto canonical = std::filesystem::canonical(request.directory, error);
  const auto name = [](const std::optional<QuantFormat>& format) {
    return format ? QuantFormatName(*format) : std::string("exact");
  };
  const std::string formats =
      absl::StrCat("layers ", name(request.formats.layers), " head ",
                   name(request.formats.head), "\n");
  const std::string directory = error ? request.directory : canonical.string();
  return {.slot = absl::StrCat(directory, "\n", formats),
          .text = absl::StrCat(
              "pack ", kPackVersion, " numerics ", kernels::kNumericsVersion,
              "\n", formats, ConfigText(config, tied), "vocabulary ",
              config.vocabulary_size, " hidden ", config.hidden_size, " ffn ",
              config.ffn_size, " layers ", config.layers, " biases ",
              config.qkv_bias ? 1 : 0, config.output_bias ? 1 : 0, "\n",
              request.identity)};
}

absl::StatusOr<kernels::HugeBuffer> Take(int64_t bytes) {
  auto memory = kernels::HugeBuffer::Allocate(static_cast<size_t>(bytes));
  if (memory.has_value()) return *std::move(memory);
  return absl::ResourceExhaustedError(
      absl::StrCat("memory: no address space for ", bytes, " bytes"));
}

absl::Status CheckMemory(const WeightRequest& request, int64_t weight_bytes) {
  const int64_t needed = weight_bytes + request.kv_cache_bytes;
  if (needed <= request.memory_bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "memory: too little for the model, got ", request.memory_bytes,
      " bytes, needed ", needed, " (weights ", weight_bytes, ", KV cache ",
      request.kv_cache_bytes,
      "); --quantize and --kv_cache_bytes make them smaller"));
}

// Runs `work` and tells how long it took.
template <typename Work>
auto Timed(const WeightObserver& observer, std::string_view phase,
           const Work& work) {
  const MonotonicClock clock;
  const Nanos start = clock.Now();
  auto result = work();
  if (observer.phase) observer.phase(phase, ToSeconds(clock.Now() - start));
  return result;
}

class Loader {
 public:
  // All are lent.
  Loader(const ModelConfig& config, bool tied, const SafetensorsReader& reader,
         const WeightRequest& request, kernels::ThreadPool& pool,
         const WeightObserver& observer)
      : config_(config),
        tied_(tied),
        reader_(reader),
        request_(request),
        pool_(pool),
        observer_(observer) {}

  absl::Status Load(DecoderWeights& weights) {
    plan_ = PlanDecoder(config_, tied_, reader_, request_.formats, weights);
    RETURN_IF_ERROR(CheckMemory(request_, plan_.bytes));
    const PackKey key = KeyOf(config_, tied_, request_);
    RETURN_IF_ERROR(LoadCached(key, weights));
    if (!weights.from_cache) {
      // Zeroed anew: a bad pack may have left anything.
      weights.memory = {};
      ASSIGN_OR_RETURN(weights.memory, Take(plan_.bytes));
      RETURN_IF_ERROR(
          Timed(observer_, "pack", [&] { return PackAll(weights); }));
      SaveCached(key, weights);
    }
    for (const DecoderPart& part : plan_.parts) {
      Bind(part, weights.memory.bytes());
    }
    weights.parameters = plan_.parameters;
    weights.bytes = plan_.bytes;
    weights.format = FormatName(request_.formats, plan_);
    return absl::OkStatus();
  }

 private:
  void Warn(const std::string& message) const {
    if (observer_.warning) observer_.warning(message);
  }

  absl::Span<uint8_t> Payload(DecoderWeights& weights) const {
    return absl::MakeSpan(weights.memory.bytes(),
                          static_cast<size_t>(plan_.bytes));
  }

  absl::Status LoadCached(const PackKey& key, DecoderWeights& weights) {
    if (request_.cache == nullptr) return absl::OkStatus();
    ASSIGN_OR_RETURN(weights.memory, Take(plan_.bytes));
    absl::StatusOr<std::string> hash = Timed(observer_, "read_cache", [&] {
      return request_.cache->Load(
          key, Payload(weights), pool_,
          [&](int64_t done) { Progress(done, plan_.bytes); });
    });
    if (hash.ok()) {
      weights.hash = *std::move(hash);
      weights.from_cache = true;
    } else if (!absl::IsNotFound(hash.status())) {
      Warn(absl::StrCat("pack cache: ", hash.status().message(),
                        "; packing anew"));
    }
    return absl::OkStatus();
  }

  absl::Status PackAll(DecoderWeights& weights) {
    std::vector<const TensorView*> tensors;
    for (const DecoderPart& part : plan_.parts) {
      tensors.insert(tensors.end(), part.tensors.begin(), part.tensors.end());
    }
    TensorHasher hasher(std::move(tensors));
    int64_t done_bytes = 0;
    TensorPacker packer(reader_, pool_, hasher, [&](int64_t bytes) {
      done_bytes += bytes;
      Progress(done_bytes, plan_.tensor_bytes);
    });
    for (size_t i = 0; i < plan_.parts.size(); ++i) {
      const DecoderPart& part = plan_.parts[i];
      if (i + 1 < plan_.parts.size())
        packer.Prefetch(plan_.parts[i + 1].tensors);
      uint8_t* to = weights.memory.bytes() + part.offset;
      RETURN_IF_ERROR(
          part.matrix != nullptr
              ? packer.Matrix(part.tensors, part.layout, to)
              : packer.Vector(part.tensors, reinterpret_cast<float*>(to)));
    }
    weights.hash = Sha256Hex(ConfigText(config_, tied_) + hasher.Finish());
    return absl::OkStatus();
  }

  void SaveCached(const PackKey& key, DecoderWeights& weights) {
    if (request_.cache == nullptr) return;
    const auto identity = SourceIdentity(request_.directory);
    if (!identity.ok() || *identity != request_.identity) {
      Warn(
          "pack cache: the files of the model changed while they were read; "
          "nothing is kept");
      return;
    }
    const absl::Status saved = Timed(observer_, "write_cache", [&] {
      return request_.cache->Save(key, weights.hash, Payload(weights), pool_);
    });
    if (saved.ok()) return;
    Warn(absl::StrCat("pack cache: ", saved.message(),
                      "; the next start packs again"));
  }

  void Progress(int64_t done_bytes, int64_t total_bytes) const {
    if (observer_.progress) observer_.progress(done_bytes, total_bytes);
  }

  const ModelConfig& config_;
  const bool tied_;
  const SafetensorsReader& reader_;
  const WeightRequest& request_;
  kernels::ThreadPool& pool_;
  const WeightObserver& observer_;
  DecoderPlan plan_;
};

}  // namespace

absl::StatusOr<DecoderWeights> LoadDecoderWeights(
    const ModelConfig& config, const SafetensorsReader& reader,
    const WeightRequest& request, kernels::ThreadPool& pool,
    const WeightObserver& observer) {
  const bool tied = DecideTied(config, reader, observer);
  RETURN_IF_ERROR(CheckTensors(reader, DecoderTensors(config, tied),
                               {std::string(kHeadTensor)}));
  DecoderWeights weights;
  RETURN_IF_ERROR(
      Loader(config, tied, reader, request, pool, observer).Load(weights));
  return weights;
}

}  // namespace sluice::generator
