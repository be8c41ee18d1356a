#include "services/generator/torch/trainer/config.h"

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"

using sluice::generator::TrainerOptions;

ABSL_FLAG(std::string, ids, "", "prefix of the token-id file to learn");
ABSL_FLAG(std::vector<std::string>, evals, {},
          "held-out token-id files, NAME=PREFIX, comma separated");
ABSL_FLAG(std::string, out, "", "directory that gets the model");
ABSL_FLAG(std::string, checkpoint, "",
          "file that keeps the state of the run; it goes on from there");
ABSL_FLAG(double, checkpoint_minutes, TrainerOptions().checkpoint_minutes,
          "minutes between two checkpoints");
ABSL_FLAG(int64_t, eval_steps, TrainerOptions().eval_steps,
          "steps between two evaluations");
ABSL_FLAG(int32_t, threads, TrainerOptions().threads, "threads of libtorch");
ABSL_FLAG(bool, bf16, TrainerOptions().bf16,
          "matrix products in bf16 rather than float32");
ABSL_FLAG(double, prompt_weight, TrainerOptions().prompt_weight,
          "weight in the loss of ids that are not an answer");
ABSL_FLAG(double, weight_decay, TrainerOptions().weight_decay,
          "decoupled decay of matrices");
ABSL_FLAG(int64_t, steps, TrainerOptions().schedule.steps, "optimizer steps");
ABSL_FLAG(double, max_minutes, TrainerOptions().schedule.max_minutes,
          "end the schedule after this time even if steps are left; 0: never");
ABSL_FLAG(
    int64_t, stop_step, TrainerOptions().schedule.stop_step,
    "stop here with a checkpoint, so that another run (of other ids, say) "
    "goes on; 0: never");
ABSL_FLAG(int64_t, warmup_steps, TrainerOptions().schedule.warmup_steps,
          "steps of the linear warm-up");
ABSL_FLAG(double, peak_rate, TrainerOptions().schedule.peak_rate,
          "learning rate after the warm-up");
ABSL_FLAG(int64_t, batch_tokens, TrainerOptions().batches.batch_tokens,
          "rows times width of a batch");
ABSL_FLAG(uint64_t, seed, TrainerOptions().batches.seed,
          "of initial weights and order");
ABSL_FLAG(int64_t, hidden, TrainerOptions().shape.hidden, "hidden size");
ABSL_FLAG(int64_t, layers, TrainerOptions().shape.layers, "decoder layers");
ABSL_FLAG(int64_t, heads, TrainerOptions().shape.heads, "query heads");
ABSL_FLAG(int64_t, kv_heads, TrainerOptions().shape.kv_heads, "key heads");
ABSL_FLAG(int64_t, ffn, TrainerOptions().shape.ffn, "feed-forward size");

namespace sluice::generator {
namespace {

absl::Status CheckOptions(const TrainerOptions& options) {
  const ModelShape& shape = options.shape;
  const auto bad = [](const char* flag, const char* what) {
    return absl::InvalidArgumentError(absl::StrCat("--", flag, ": ", what));
  };
  if (options.ids.empty()) return bad("ids", "must be given");
  if (options.out.empty()) return bad("out", "must be given");
  if (options.threads < 1) return bad("threads", "must be at least 1");
  if (options.schedule.steps < 1) return bad("steps", "must be at least 1");
  if (options.eval_steps < 1) return bad("eval_steps", "must be at least 1");
  if (options.batches.batch_tokens < 1) {
    return bad("batch_tokens", "must be at least 1");
  }
  if (options.prompt_weight < 0) return bad("prompt_weight", "is negative");
  if (shape.layers < 1 || shape.ffn < 1) return bad("layers", "and ffn: >= 1");
  if (shape.kv_heads < 1 || shape.heads % shape.kv_heads != 0) {
    return bad("heads", "must be a multiple of kv_heads");
  }
  if (shape.hidden < 1 || shape.hidden % (2 * shape.heads) != 0) {
    return bad("hidden", "must be a multiple of twice the heads");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TrainerOptions> ReadTrainerFlags(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  TrainerOptions options;
  options.ids = absl::GetFlag(FLAGS_ids);
  for (const std::string& eval : absl::GetFlag(FLAGS_evals)) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(eval, absl::MaxSplits('=', 1));
    if (parts.second.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--evals: NAME=PREFIX, got ", eval));
    }
    options.evals.push_back({parts.first, parts.second});
  }
  options.out = absl::GetFlag(FLAGS_out);
  options.checkpoint = absl::GetFlag(FLAGS_checkpoint);
  options.checkpoint_minutes = absl::GetFlag(FLAGS_checkpoint_minutes);
  options.eval_steps = absl::GetFlag(FLAGS_eval_steps);
  options.threads = absl::GetFlag(FLAGS_threads);
  options.bf16 = absl::GetFlag(FLAGS_bf16);
  options.prompt_weight =
      static_cast<float>(absl::GetFlag(FLAGS_prompt_weight));
  options.weight_decay = absl::GetFlag(FLAGS_weight_decay);
  options.schedule.steps = absl::GetFlag(FLAGS_steps);
  options.schedule.max_minutes = absl::GetFlag(FLAGS_max_minutes);
  options.schedule.stop_step = absl::GetFlag(FLAGS_stop_step);
  options.schedule.warmup_steps = absl::GetFlag(FLAGS_warmup_steps);
  options.schedule.peak_rate = absl::GetFlag(FLAGS_peak_rate);
  options.batches.batch_tokens = absl::GetFlag(FLAGS_batch_tokens);
  options.batches.seed = absl::GetFlag(FLAGS_seed);
  options.shape.hidden = absl::GetFlag(FLAGS_hidden);
  options.shape.layers = absl::GetFlag(FLAGS_layers);
  options.shape.heads = absl::GetFlag(FLAGS_heads);
  options.shape.kv_heads = absl::GetFlag(FLAGS_kv_heads);
  options.shape.ffn = absl::GetFlag(FLAGS_ffn);
  RETURN_IF_ERROR(CheckOptions(options));
  return options;
}

}  // namespace sluice::generator
