#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"
#include "services/generator/make_random_model.h"
#include "services/generator/make_random_model_shape.h"
#include "services/generator/progress_bar.h"

namespace sluice::generator {
namespace {

constexpr int kExitUsage = 2;

std::string Usage() {
  std::vector<std::string> names;
  for (const std::string_view name : RandomShapeNames()) {
    names.emplace_back(name);
  }
  return absl::StrCat(
      "usage: sluice-generator make-random-model --out DIR [options]\n"
      "Writes a Hugging Face model directory with random weights.\n"
      "  --out DIR              directory to write\n"
      "  --family NAME          qwen2 (default) or llama\n"
      "  --shape SHAPE          a name, key=value pairs, or both with commas\n"
      "                         names: ",
      absl::StrJoin(names, ", "),
      "\n"
      "                         keys: hidden, ffn, layers, heads, kv_heads,\n"
      "                         head_dim, vocab, context, tied, rope_theta,\n"
      "                         eps; what is not named is as in tiny\n"
      "  --dtype TYPE           f32 (default) or bf16\n"
      "  --seed N               default 1\n"
      "  --logit-spread X       standard deviation of the logits, default 3\n"
      "  --max-shard-bytes N    default 5000000000\n"
      "  --overwrite            replace a model that is there\n");
}

absl::Status SetOption(const std::string& name, const std::string& value,
                       RandomModelOptions& options) {
  bool valid = true;
  if (name == "--out") {
    options.out = value;
  } else if (name == "--family") {
    options.family = value;
  } else if (name == "--shape") {
    options.shape = value;
  } else if (name == "--dtype") {
    valid = value == "f32" || value == "bf16";
    options.type = value == "bf16" ? TensorType::kBF16 : TensorType::kF32;
  } else if (name == "--seed") {
    valid = absl::SimpleAtoi(value, &options.seed);
  } else if (name == "--logit-spread") {
    valid = absl::SimpleAtod(value, &options.logit_spread);
  } else if (name == "--max-shard-bytes") {
    valid = absl::SimpleAtoi(value, &options.max_shard_bytes);
  } else {
    return absl::InvalidArgumentError(absl::StrCat(name, ": unknown option"));
  }
  if (valid) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": got '", value, "', see --help"));
}

absl::StatusOr<RandomModelOptions> ParseArgs(
    const std::vector<std::string>& args) {
  RandomModelOptions options;
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--overwrite") {
      options.overwrite = true;
      continue;
    }
    std::string name = args[i];
    std::string value;
    if (const size_t equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    } else if (i + 1 < args.size()) {
      value = args[++i];
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": a value is wanted, got none, see --help"));
    }
    RETURN_IF_ERROR(SetOption(name, value, options));
  }
  return options;
}

}  // namespace

int MakeRandomModelCommand(const std::vector<std::string>& args) {
  for (const std::string& arg : args) {
    if (arg == "--help" || arg == "-h") {
      std::fputs(Usage().c_str(), stdout);
      return 0;
    }
  }
  const absl::StatusOr<RandomModelOptions> options = ParseArgs(args);
  const absl::Status status =
      options.ok() ? MakeRandomModel(*options, TerminalProgressBar())
                   : options.status();
  if (status.ok()) return 0;
  std::fprintf(stderr, "make-random-model: %s\n",
               std::string(status.message()).c_str());
  return options.ok() ? 1 : kExitUsage;
}

}  // namespace sluice::generator
