#include "bench/peers/gguf/config.h"

#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "common/base/error_info.h"

using sluice::bench::GgufExportOptions;

ABSL_FLAG(std::string, model, GgufExportOptions().model,
          "model directory, for example of `sluice-generator "
          "make-random-model`");
ABSL_FLAG(std::string, out, GgufExportOptions().out, "file to write");
ABSL_FLAG(std::string, format, GgufExportOptions().format,
          "f32, q8_0 or q4_0 (its head Q6_K)");

namespace sluice::bench {

absl::StatusOr<GgufExportOptions> ParseConfig(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "writes the weights of a model directory as GGUF, for llama.cpp");
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  if (rest.size() > 1) {
    return FieldError("command line", "unknown argument", rest[1],
                      "flags only");
  }
  GgufExportOptions options;
  options.model = absl::GetFlag(FLAGS_model);
  options.out = absl::GetFlag(FLAGS_out);
  options.format = absl::GetFlag(FLAGS_format);
  if (options.model.empty()) {
    return FieldError("model", "missing", "", "a model directory");
  }
  if (options.out.empty()) return FieldError("out", "missing", "", "a file");
  return options;
}

}  // namespace sluice::bench
