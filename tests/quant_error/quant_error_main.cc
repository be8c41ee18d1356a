// sluice-quant-error MODEL_DIRECTORY SCRATCH_DIRECTORY FIRST_ID: one JSON line
// per format and text.

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "common/base/status_macros.h"
#include "services/generator/runner/native_runner.h"
#include "tests/quant_error/block_model.h"
#include "tests/quant_error/teacher.h"

namespace sluice::generator {
namespace {

constexpr int32_t kTexts = 48;
constexpr int32_t kLength = 160;
constexpr uint32_t kSeed = 7;

struct Version {
  std::string name;
  std::string directory;
  QuantizeOptions quantize;
  std::string kv_format = "f32";
};

absl::StatusOr<std::unique_ptr<ModelRunner>> Open(const Version& version) {
  NativeRunnerOptions options;
  options.quantize = version.quantize;
  options.kv_format = version.kv_format;
  options.block_count = kTexts * (kLength / options.block_size + 1);
  return CreateNativeRunner(version.directory, options);
}

std::vector<Version> VersionsOf(const std::string& model,
                                const std::string& scratch) {
  const QuantizeOptions exact{.layers = "none"};
  return {{"kv-bf16", model, exact, "bf16"},
          {"kv-int8", model, exact, "int8"},
          {"int8g32", model, {"int8", "int8", 32}},
          {"int8g64", model, {"int8", "int8", 64}},
          {"int8g128", model, {"int8", "int8", 128}},
          {"int4g32-int8g128", model, {"int4", "int8", 0}},
          {"int4g64-int8g64", model, {"int4", "int8", 64}},
          {"int4g128-int8g128", model, {"int4", "int8", 128}},
          {"int4g32", model, {"int4", "int4", 32}},
          {"q8_0-weights", scratch + "/q8_0", exact},
          {"q4_0-weights-q8_0-head", scratch + "/q4_0", exact}};
}

absl::Status Main(const std::string& model, const std::string& scratch,
                  int32_t first_id) {
  RETURN_IF_ERROR(WriteBlockModel(model, false, scratch + "/q8_0"));
  RETURN_IF_ERROR(WriteBlockModel(model, true, scratch + "/q4_0"));
  ASSIGN_OR_RETURN(const std::unique_ptr<ModelRunner> teacher,
                   Open({"f32", model, {.layers = "none"}}));
  ASSIGN_OR_RETURN(const TeacherTexts texts,
                   DrawTexts(*teacher, first_id, kTexts, kLength, kSeed));
  for (const Version& version : VersionsOf(model, scratch)) {
    ASSIGN_OR_RETURN(const std::unique_ptr<ModelRunner> student, Open(version));
    ASSIGN_OR_RETURN(const std::vector<TextScore> scores,
                     ScoreTexts(*student, texts));
    for (size_t text = 0; text < scores.size(); ++text) {
      const TextScore& score = scores[text];
      absl::PrintF(
          "{\"kind\":\"text\",\"format\":\"%s\",\"text\":%d,\"positions\":%d,"
          "\"divergence\":%.9g,\"surprise\":%.9g,\"own_surprise\":%.9g,"
          "\"best_agrees\":%d,\"weight_bytes\":%d}\n",
          version.name, text, score.positions, score.divergence, score.surprise,
          score.own_surprise, score.best_agrees, student->info().weight_bytes);
    }
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace sluice::generator

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs(
        "usage: sluice-quant-error MODEL_DIRECTORY SCRATCH_DIRECTORY "
        "FIRST_ID\n",
        stderr);
    return 2;
  }
  const absl::Status status =
      sluice::generator::Main(argv[1], argv[2], std::atoi(argv[3]));
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return 1;
}
