#include "services/generator/load_model.h"

#include <malloc.h>

#include <ctime>
#include <filesystem>
#include <future>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/base/clock.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/directory.h"
#include "common/vocabulary/token_table.h"
#include "services/generator/progress_bar.h"
#include "services/generator/sampler/generation_config.h"

namespace sluice::generator {
namespace {

// On this thread: what parsing needs for a moment shall not stay beside the
// weights, and malloc gives back all of that in the heap of the first thread
// alone.
absl::StatusOr<Vocabulary> ReadVocabularyTidily(const std::string& directory) {
  absl::StatusOr<Vocabulary> vocabulary = ReadVocabulary(directory);
  ::malloc_trim(0);
  return vocabulary;
}

// "open 0.01, read_cache 0.2"
std::string PhaseText(const std::vector<LoadPhase>& phases) {
  return absl::StrJoin(
      phases, ", ", [](std::string* out, const LoadPhase& phase) {
        absl::StrAppendFormat(out, "%s %.3f", phase.name, phase.seconds);
      });
}

void LogLoaded(const LoadedModel& model, Logger& log) {
  const RunnerInfo& info = model.runner->info();
  const RequestLimits& limits = model.served.limits;
  log.Info("model loaded",
           {{"model", model.served.name},
            {"architecture", info.architecture},
            {"backend", info.backend},
            {"isa", info.isa},
            {"threads", info.threads},
            {"parameters", info.parameters},
            {"weight_bytes", info.weight_bytes},
            {"weight_format", info.weight_format},
            {"kv_format", info.kv_format},
            {"kv_blocks", info.block_count},
            {"block_size", info.block_size},
            {"kv_bytes", info.block_bytes * info.block_count},
            {"context", limits.context_length},
            {"fingerprint", info.fingerprint},
            {"weights_from", info.weights_from_cache ? "cache" : "files"},
            {"load_seconds", model.load_seconds},
            {"phase_seconds", PhaseText(model.phases)}});
  if (limits.eos_ids.empty()) {
    log.Warning(
        "model names no end-of-sequence id: only limits and stops end "
        "its answers");
  }
  if (model.vocabulary.size() > limits.vocabulary_size) {
    log.Warning("tokenizer knows more ids than the model",
                {{"tokenizer", model.vocabulary.size()},
                 {"model", limits.vocabulary_size}});
  }
}

}  // namespace

absl::StatusOr<LoadedModel> LoadModel(const LoadOptions& options, Logger& log) {
  const MonotonicClock clock;
  const Nanos start = clock.Now();
  std::vector<LoadPhase> phases;
  const LoadObserver observer = {
      .progress = TerminalProgressBar(),
      .warning =
          [&log](std::string_view message) {
            log.Warning("model", {{"warning", message}});
          },
      .phase =
          [&phases](std::string_view name, double seconds) {
            phases.push_back({std::string(name), seconds});
          }};
  if (!std::filesystem::is_directory(options.directory)) {
    return absl::NotFoundError(absl::StrCat("model: no such directory, got \"",
                                            options.directory, "\""));
  }
  // The smallest files first: what is wrong with them shows at once.
  ASSIGN_OR_RETURN(std::vector<int32_t> eos_ids, ReadEosIds(options.directory));
  ASSIGN_OR_RETURN(SamplingOverrides defaults,
                   ReadSamplingDefaults(options.directory));
  // Weights and vocabulary beside each other: reading the latter is the work of
  // one thread, and theirs is mostly the memory's.
  auto aside = std::async(std::launch::async, [&] {
    return CreateRunner(options.directory, options.backend, observer);
  });
  const Nanos vocabulary_start = clock.Now();
  ASSIGN_OR_RETURN(Vocabulary vocabulary,
                   ReadVocabularyTidily(options.directory));
  const double vocabulary_seconds = ToSeconds(clock.Now() - vocabulary_start);
  ASSIGN_OR_RETURN(std::unique_ptr<ModelRunner> runner, aside.get());
  observer.phase("vocabulary", vocabulary_seconds);
  ServedModel served;
  served.name = options.name;
  served.info = runner->info();
  served.vocabulary_hash = vocabulary.hash();
  served.limits.context_length =
      ContextLength(served.info, options.backend.native.max_context);
  if (served.limits.context_length < 2) {
    return FieldError("max_context", "no room for a prompt and a token",
                      absl::StrCat(served.limits.context_length), "at least 2");
  }
  served.limits.vocabulary_size = served.info.vocabulary_size;
  served.limits.eos_ids = std::move(eos_ids);
  served.limits.defaults = std::move(defaults);
  served.started_at_unix_seconds = std::time(nullptr);
  LoadedModel loaded = {.runner = std::move(runner),
                        .vocabulary = std::move(vocabulary),
                        .served = std::move(served),
                        .load_seconds = ToSeconds(clock.Now() - start),
                        .phases = std::move(phases)};
  LogLoaded(loaded, log);
  return loaded;
}

}  // namespace sluice::generator
