#include "bench/engine/config.h"

#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"

using sluice::bench::EngineBenchOptions;
using sluice::generator::NativeRunnerOptions;
using sluice::generator::QuantizeOptions;

ABSL_FLAG(std::string, model, EngineBenchOptions().model,
          "model directory, for example of `sluice-generator "
          "make-random-model --shape qwen1.5-0.5b --dtype bf16`");
ABSL_FLAG(std::string, quantize, QuantizeOptions().layers,
          "auto, none, int8 or int4");
ABSL_FLAG(std::string, quantize_head, QuantizeOptions().head, "int8 or int4");
ABSL_FLAG(int32_t, quantize_group, QuantizeOptions().group, "0, 32, 64 or 128");
ABSL_FLAG(std::string, kv_format, NativeRunnerOptions().kv_format,
          "f32, bf16 or int8");
ABSL_FLAG(int32_t, threads, NativeRunnerOptions().threads,
          "computing threads; 0: as the service would choose");
ABSL_FLAG(std::string, cpu_isa, NativeRunnerOptions().cpu_isa,
          "auto, scalar, avx2 or avx512");
ABSL_FLAG(std::string, cases, EngineBenchOptions().cases,
          "what to measure, with commas: pp512 (prefill of 512), tg64 (64 "
          "tokens one by one), tg64@1024 (the same at that depth), b8@128 (8 "
          "sequences at depth 128)");
ABSL_FLAG(int32_t, repeats, EngineBenchOptions().repeats,
          "times that each case is measured, one case after the other");
ABSL_FLAG(bool, sample, EngineBenchOptions().sample,
          "choose a token from each row of logits, by the Gateway's preset "
          "balanced");
ABSL_FLAG(bool, probe, EngineBenchOptions().probe,
          "measure the limits of the machine around each case; takes 512 MiB");
ABSL_FLAG(bool, serve, EngineBenchOptions().serve,
          "measure the case that each line of the standard input names and "
          "answer with a line of JSON; --cases names those that may come");
ABSL_FLAG(std::string, jsonl, EngineBenchOptions().jsonl,
          "file that a line per measurement is added to; empty: none");

namespace sluice::bench {

absl::StatusOr<EngineBenchOptions> ParseConfig(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "the native backend without services: prefill, decode and batches");
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  if (rest.size() > 1) {
    return FieldError("command line", "unknown argument", rest[1],
                      "flags only");
  }
  EngineBenchOptions options;
  options.model = absl::GetFlag(FLAGS_model);
  options.native.quantize.layers = absl::GetFlag(FLAGS_quantize);
  options.native.quantize.head = absl::GetFlag(FLAGS_quantize_head);
  options.native.quantize.group = absl::GetFlag(FLAGS_quantize_group);
  options.native.kv_format = absl::GetFlag(FLAGS_kv_format);
  options.native.threads = absl::GetFlag(FLAGS_threads);
  options.native.cpu_isa = absl::GetFlag(FLAGS_cpu_isa);
  options.cases = absl::GetFlag(FLAGS_cases);
  options.repeats = absl::GetFlag(FLAGS_repeats);
  options.sample = absl::GetFlag(FLAGS_sample);
  options.probe = absl::GetFlag(FLAGS_probe);
  options.serve = absl::GetFlag(FLAGS_serve);
  options.jsonl = absl::GetFlag(FLAGS_jsonl);
  if (options.model.empty()) {
    return FieldError("model", "missing", "", "a model directory");
  }
  if (options.repeats < 1) {
    return FieldError("repeats", "out of range",
                      std::to_string(options.repeats), "at least 1");
  }
  return options;
}

}  // namespace sluice::bench
