// For ./dev prove same-bits: runs one model in every situation and prints the
// trail of each sequence as a JSON line. It judges nothing.

#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/json_quote.h"
#include "common/base/status_macros.h"
#include "tests/same_bits/situations.h"

namespace sluice::generator {
namespace {

void Print(const SituationRun& run, const Trail& trail) {
  std::string line = absl::StrCat(
      R"({"kind":"trail","situation":")", run.situation, R"(","threads":)",
      run.threads, R"(,"block_size":)", run.block_size, R"(,"request":)",
      JsonQuote(trail.request_id), R"(,"index":)", trail.index, R"(,"greedy":)",
      trail.greedy ? "true" : "false", R"(,"prompt":)", trail.prompt_tokens,
      R"(,"cached":)", trail.cached_tokens, R"(,"resumed":)",
      trail.resumed_tokens);
  absl::StrAppend(&line, R"(,"first_position":)", trail.first_position,
                  R"(,"batch":)", trail.batch, R"(,"chunk":)", trail.chunk,
                  R"(,"chunks":)", trail.chunks, R"(,"preemptions":)",
                  trail.preemptions, R"(,"drafted":)", trail.drafted,
                  R"(,"accepted":)", trail.accepted, R"(,"ids":[)",
                  absl::StrJoin(trail.ids, ","), R"(],"rows":")");
  for (const uint64_t row : trail.rows) {
    absl::StrAppendFormat(&line, "%016x", row);
  }
  std::puts((line + "\"}").c_str());
}

constexpr char kUsage[] =
    "usage: sluice-same-bits --model=DIR [--cpu_isa=NAME] [--quantize=NAME]\n"
    "  [--kv_format=NAME] [--threads=1,2,4] [--requests=N] [--seed=N] "
    "[--spoil]\n"
    "--spoil changes a bit where rows have neighbours: who compares must see "
    "it.\n";

struct Arguments {
  std::string model;
  SituationOptions situations;
};

bool ParseThreads(const std::string& text, std::vector<int32_t>& threads) {
  threads.clear();
  for (const auto piece : absl::StrSplit(text, ',')) {
    int32_t count = 0;
    if (!absl::SimpleAtoi(piece, &count) || count < 1) return false;
    threads.push_back(count);
  }
  return true;
}

bool ParseArgument(const std::string& text, Arguments& arguments) {
  SituationOptions& options = arguments.situations;
  const std::pair<std::string, std::string> split =
      absl::StrSplit(text, absl::MaxSplits('=', 1));
  const auto& [name, value] = split;
  if (name == "--spoil") return options.spoil = true;
  if (name == "--threads") return ParseThreads(value, options.threads);
  if (name == "--requests") {
    return absl::SimpleAtoi(value, &options.workload.requests);
  }
  if (name == "--seed") {
    return absl::SimpleAtoi(value, &options.workload.seed);
  }
  NativeRunnerOptions& native = options.native;
  std::string* target = name == "--model"       ? &arguments.model
                        : name == "--cpu_isa"   ? &native.cpu_isa
                        : name == "--quantize"  ? &native.quantize.layers
                        : name == "--kv_format" ? &native.kv_format
                                                : nullptr;
  if (target != nullptr) *target = value;
  return target != nullptr;
}

absl::Status Run(const std::string& directory, SituationOptions options) {
  NativeRunnerOptions native = options.native;
  native.block_count = 1;
  ASSIGN_OR_RETURN(const auto runner, CreateNativeRunner(directory, native));
  const RunnerInfo& info = runner->info();
  options.workload.vocabulary_size = info.vocabulary_size;
  ASSIGN_OR_RETURN(const SessionModel model, ReadSessionModel(directory));
  std::puts(absl::StrCat(R"({"kind":"model","fingerprint":)",
                         JsonQuote(info.fingerprint), R"(,"isa":)",
                         JsonQuote(info.isa), R"(,"weight_format":)",
                         JsonQuote(info.weight_format), R"(,"kv_format":)",
                         JsonQuote(info.kv_format), "}")
                .c_str());
  return RunSituations(model, options, [](const SituationRun& run) {
    for (const Trail& trail : run.trails) Print(run, trail);
    std::fflush(stdout);
  });
}

int Main(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    if (!ParseArgument(argv[i], arguments)) {
      std::fputs(kUsage, stderr);
      return 2;
    }
  }
  const absl::Status status = Run(arguments.model, arguments.situations);
  if (status.ok()) return 0;
  std::fprintf(stderr, "sluice-same-bits: %s\n", status.ToString().c_str());
  return 1;
}

}  // namespace
}  // namespace sluice::generator

int main(int argc, char** argv) { return sluice::generator::Main(argc, argv); }
