// sluice-parity GOLDENS: runs every golden model on every backend, instruction
// set and mode, and prints each raw sample as a JSON line. It judges nothing:
// tests/prove/logits-parity does.

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "common/base/status_macros.h"
#include "tests/parity/backends.h"
#include "tests/parity/goldens.h"
#include "tests/parity/model_driver.h"

namespace sluice::parity {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

void Print(const Json& json) { std::printf("%s\n", json.dump().c_str()); }

void PrintResult(const Json& where, const ModeResult& result) {
  for (const RowSample& row : result.rows) {
    Json json = where;
    json["kind"] = "row";
    json["case"] = row.case_index;
    json["position"] = row.position;
    json["phase"] = row.decode ? "decode" : "prefill";
    // JSON has no infinity: null stands for it and never passes.
    json["max_abs_diff"] = row.difference.max_abs_diff;
    json["max_abs_ref"] = row.difference.max_abs_ref;
    json["ratio"] = row.difference.Ratio();
    json["spread"] = row.spread;
    Print(json);
  }
  for (const CaseResult& golden : result.cases) {
    Json json = where;
    json["kind"] = "greedy";
    json["case"] = golden.case_index;
    json["equal"] = golden.greedy_equal;
    json["wanted"] = golden.greedy_wanted;
    json["greedy_equal"] = golden.greedy_equal == golden.greedy_wanted;
    Print(json);
  }
}

absl::Status RunModel(const GoldenModel& model, const std::string& directory) {
  RETURN_IF_ERROR(MakeGoldenModel(model, directory));
  for (const Backend& backend : AvailableBackends()) {
    ASSIGN_OR_RETURN(const auto runner,
                     backend.make({directory, PositionsNeeded(model)}));
    for (const Mode mode : kModes) {
      ASSIGN_OR_RETURN(const ModeResult result, RunMode(*runner, model, mode));
      PrintResult({{"model", model.name},
                   {"backend", runner->info().backend},
                   {"isa", runner->info().isa},
                   {"mode", ModeName(mode)},
                   {"fingerprint", runner->info().fingerprint}},
                  result);
    }
  }
  return absl::OkStatus();
}

absl::Status RunAll(const std::string& golden_directory,
                    const std::string& scratch) {
  ASSIGN_OR_RETURN(const Goldens goldens, LoadGoldens(golden_directory));
  for (const GoldenModel& model : goldens.models) {
    RETURN_IF_ERROR(RunModel(model, scratch));
  }
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: sluice-parity GOLDEN_DIRECTORY\n", stderr);
    return 2;
  }
  const fs::path scratch =
      fs::temp_directory_path() / ("sluice-parity-" + std::to_string(getpid()));
  const absl::Status status = RunAll(argv[1], scratch);
  std::error_code error;
  fs::remove_all(scratch, error);
  if (status.ok()) return 0;
  std::fprintf(stderr, "sluice-parity: %s\n",
               std::string(status.message()).c_str());
  return 1;
}

}  // namespace
}  // namespace sluice::parity

int main(int argc, char** argv) { return sluice::parity::Main(argc, argv); }
