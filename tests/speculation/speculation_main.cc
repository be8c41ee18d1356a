// For ./dev prove speculation: the same forced text with guesses and without,
// one after the other on one engine each, and a JSON line for each. It judges
// nothing.

#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/base/clock.h"
#include "common/base/json_quote.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/directory.h"
#include "common/telemetry/metrics.h"
#include "common/vocabulary/token_table.h"
#include "services/generator/engine/engine_core.h"
#include "services/generator/runner/native_runner.h"
#include "tests/speculation/forced_runner.h"

namespace sluice::generator {
namespace {

struct Options {
  std::string model;
  NativeRunnerOptions native;
  double acceptance = 0.7;
  int32_t pairs = 7;
  int32_t prompt_tokens = 128;
  int32_t new_tokens = 128;
  int32_t seed = 1;
};

// Guesses of which each is right with the same chance, whatever was before it.
class ScriptedDrafts final : public DraftSource {
 public:
  explicit ScriptedDrafts(double acceptance) : acceptance_(acceptance) {}

  void Expect(const std::vector<int32_t>& ids, int32_t seed) {
    ids_ = ids;
    random_.seed(seed);
  }

  std::vector<int32_t> Guess(Sequence& sequence, int32_t most) override {
    std::vector<int32_t> guesses;
    for (size_t at = sequence.ids.size();
         at < ids_.size() && guesses.size() < static_cast<size_t>(most); ++at) {
      const bool right = chance_(random_) < acceptance_;
      guesses.push_back(right ? ids_[at] : ids_[at] == 0 ? 1 : ids_[at] - 1);
    }
    return guesses;
  }

 private:
  const double acceptance_;
  std::vector<int32_t> ids_;
  std::mt19937 random_;
  std::uniform_real_distribution<double> chance_{0, 1};
};

// One engine over the runner that both share; only one of them has a request.
class Engine {
 public:
  Engine(const Options& options, ForcedRunner& runner,
         const Vocabulary& vocabulary, bool speculates)
      : options_(options),
        runner_(runner),
        drafts_(options.acceptance),
        core_(EngineOf(speculates), PartsOf(runner, vocabulary)) {}

  absl::Status Run(int32_t pair, bool speculates) {
    std::vector<int32_t> ids = Draw(pair);
    runner_.Force(ids);
    drafts_.Expect(ids, options_.seed + pair);
    ids.pop_back();
    RequestFields fields;
    fields.request_id = absl::StrCat("r", pair);
    fields.prompt_ids.assign(ids.begin(), ids.begin() + options_.prompt_tokens);
    fields.params.max_new_tokens = options_.new_tokens;
    fields.params.temperature = 0.0f;
    fields.params.ignore_eos = true;
    RequestLimits limits;
    limits.context_length = runner_.info().context_length;
    limits.vocabulary_size = runner_.info().vocabulary_size;
    ASSIGN_OR_RETURN(Request request, Request::Create(fields, limits));
    const auto outbox = std::make_shared<Outbox>(
        OutboxLimits(), [] {}, [] {});
    const double drafted = metrics_.drafted_tokens.Get().Value();
    const double accepted = metrics_.accepted_tokens.Get().Value();
    core_.Submit({std::move(request), outbox});
    ASSIGN_OR_RETURN(const Finished finished, ReadToEnd(*outbox, ids));
    // From the first token on: the prefill is the same.
    const int32_t rest = options_.new_tokens - 1;
    uint64_t rows = 0;
    for (size_t i = options_.prompt_tokens; i < ids.size(); ++i) {
      rows = rows * 31 + runner_.rows()[i];
    }
    absl::PrintF(R"({"kind":"run","acceptance":%g,"pair":%d,"speculates":%s,)",
                 options_.acceptance, pair, speculates ? "true" : "false");
    absl::PrintF(
        R"("tokens":%d,"seconds":%.6f,"drafted":%.0f,"accepted":%.0f,)", rest,
        ToSeconds(finished.decode_time),
        metrics_.drafted_tokens.Get().Value() - drafted,
        metrics_.accepted_tokens.Get().Value() - accepted);
    absl::PrintF(R"("steps":%d,"said_right":%s,"rows":"%016x"})"
                 "\n",
                 steps_, said_right_ ? "true" : "false", rows);
    std::fflush(stdout);
    return absl::OkStatus();
  }

 private:
  static EngineOptions EngineOf(bool speculates) {
    EngineOptions engine;
    engine.scheduler.speculation.on = speculates;
    // The blocks are those of the other engine as well.
    engine.scheduler.prefix_cache = false;
    return engine;
  }
  EngineParts PartsOf(ForcedRunner& runner, const Vocabulary& vocabulary) {
    EngineParts parts{runner, vocabulary, clock_, metrics_, board_};
    parts.drafts = &drafts_;
    return parts;
  }

  std::vector<int32_t> Draw(int32_t pair) const {
    std::mt19937 random(options_.seed * 1000 + pair);
    std::vector<int32_t> ids(options_.prompt_tokens + options_.new_tokens + 1);
    for (int32_t& id : ids) {
      id = static_cast<int32_t>(random() % runner_.info().vocabulary_size);
    }
    return ids;
  }

  absl::StatusOr<Finished> ReadToEnd(Outbox& outbox,
                                     const std::vector<int32_t>& ids) {
    std::vector<int32_t> said(ids.begin(),
                              ids.begin() + options_.prompt_tokens);
    absl::StatusOr<Finished> finished = absl::InternalError("no end");
    steps_ = 0;
    while (!core_.idle()) {
      core_.Step();
      ++steps_;
      while (auto message = outbox.Take().message) {
        if (const auto* delta = std::get_if<Delta>(&*message)) {
          said.insert(said.end(), delta->ids.begin(), delta->ids.end());
        } else if (auto* end = std::get_if<Finished>(&*message)) {
          finished = std::move(*end);
        }
      }
    }
    said_right_ = said == ids;
    return finished;
  }

  const Options& options_;
  ForcedRunner& runner_;
  MonotonicClock clock_;
  Metrics registry_;
  GeneratorMetrics metrics_{registry_};
  LoadBoard board_;
  ScriptedDrafts drafts_;
  EngineCore core_;
  int32_t steps_ = 0;
  bool said_right_ = false;
};

absl::Status Run(const Options& options) {
  NativeRunnerOptions native = options.native;
  native.block_count =
      (options.prompt_tokens + options.new_tokens) / native.block_size + 4;
  ASSIGN_OR_RETURN(const auto native_runner,
                   CreateNativeRunner(options.model, native));
  ASSIGN_OR_RETURN(const Vocabulary vocabulary, ReadVocabulary(options.model));
  ForcedRunner runner(*native_runner);
  std::puts(absl::StrCat(R"({"kind":"model","acceptance":)", options.acceptance,
                         R"(,"fingerprint":)",
                         JsonQuote(runner.info().fingerprint), R"(,"threads":)",
                         runner.info().threads, "}")
                .c_str());
  Engine plain(options, runner, vocabulary, false);
  Engine guessing(options, runner, vocabulary, true);
  for (int32_t pair = 0; pair < options.pairs; ++pair) {
    const bool plain_first = pair % 2 == 0;
    for (const bool speculates : {!plain_first, plain_first}) {
      RETURN_IF_ERROR((speculates ? guessing : plain).Run(pair, speculates));
    }
  }
  return absl::OkStatus();
}

constexpr char kUsage[] =
    "usage: sluice-speculation --model=DIR [--quantize=NAME] [--threads=N]\n"
    "  [--acceptance=0.7] [--pairs=N] [--prompt_tokens=N] [--new_tokens=N]\n";

bool ParseArgument(const std::string& text, Options& options) {
  const std::pair<std::string, std::string> split =
      absl::StrSplit(text, absl::MaxSplits('=', 1));
  const auto& [name, value] = split;
  if (name == "--acceptance") {
    return absl::SimpleAtod(value, &options.acceptance);
  }
  int32_t* number = name == "--pairs"           ? &options.pairs
                    : name == "--prompt_tokens" ? &options.prompt_tokens
                    : name == "--new_tokens"    ? &options.new_tokens
                    : name == "--seed"          ? &options.seed
                    : name == "--threads"       ? &options.native.threads
                                                : nullptr;
  if (number != nullptr) return absl::SimpleAtoi(value, number);
  std::string* target = name == "--model"      ? &options.model
                        : name == "--quantize" ? &options.native.quantize.layers
                                               : nullptr;
  if (target != nullptr) *target = value;
  return target != nullptr;
}

int Main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    if (ParseArgument(argv[i], options)) continue;
    std::fputs(kUsage, stderr);
    return 2;
  }
  const absl::Status status = Run(options);
  if (status.ok()) return 0;
  std::fprintf(stderr, "sluice-speculation: %s\n", status.ToString().c_str());
  return 1;
}

}  // namespace
}  // namespace sluice::generator

int main(int argc, char** argv) { return sluice::generator::Main(argc, argv); }
