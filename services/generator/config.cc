#include "services/generator/config.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "common/base/error_info.h"
#include "common/base/listen_address.h"
#include "common/base/model_directory.h"
#include "common/base/status_macros.h"
#include "common/telemetry/log.h"

using sluice::ServiceProcessOptions;
using sluice::generator::BackendOptions;
using sluice::generator::Config;
using sluice::generator::EngineOptions;
using sluice::generator::NativeRunnerOptions;
using sluice::generator::OutboxLimits;
using sluice::generator::PackCacheOptions;
using sluice::generator::QuantizeOptions;
using sluice::generator::SchedulerOptions;
using sluice::generator::SpeculationOptions;
using sluice::generator::StepPacerOptions;

ABSL_FLAG(std::string, model, Config().model,
          "model directory; empty: the model that ships with Sluice");
ABSL_FLAG(std::string, model_name, Config().model_name,
          "name that clients use for the model; empty: the last part of "
          "--model");
ABSL_FLAG(std::string, grpc_listen, Config().rpc.listen,
          "address of the gRPC face, host:port; port 0: any free one");
ABSL_FLAG(std::string, ops_listen, Config().ops_listen,
          "address of /metrics, /healthz and /readyz, host:port");
ABSL_FLAG(std::string, ports_file, ServiceProcessOptions().ports_file,
          "file that gets the ports as JSON once all are open; empty: none");
ABSL_FLAG(std::string, log_level, ServiceProcessOptions().log_level,
          "debug, info, warning or error");
ABSL_FLAG(bool, reflection, Config().rpc.reflection,
          "let clients list the services and their messages");
ABSL_FLAG(int64_t, drain_delay_ms, ServiceProcessOptions().drain_delay_ms,
          "after SIGTERM: time between NOT_SERVING and refusing calls");
ABSL_FLAG(int64_t, drain_grace_ms, ServiceProcessOptions().drain_grace_ms,
          "after SIGTERM: time for running calls to end");
ABSL_FLAG(int64_t, memory_release_ms, ServiceProcessOptions().memory_release_ms,
          "how often unused memory goes back to the system; 0: never");
ABSL_FLAG(std::string, reference, Config().reference,
          "print the reference page of flags or metrics and exit");

ABSL_FLAG(std::string, backend, BackendOptions().backend,
          "auto, native or torch; auto: native where it has the model");
ABSL_FLAG(
    std::string, quantize, QuantizeOptions().layers,
    "stored format of the weights: none (as in the files), int8, int4, or "
    "auto: none below 50 million parameters, else int8");
ABSL_FLAG(std::string, quantize_head, QuantizeOptions().head,
          "the same of embedding and head where the layers are quantised: int8 "
          "or int4");
ABSL_FLAG(int32_t, quantize_group, QuantizeOptions().group,
          "weights that share a scale: 32, 64 or 128; 0: the default of the "
          "format");
ABSL_FLAG(std::string, pack_cache, PackCacheOptions().directory,
          "where packed weights are kept for the next start: a directory, off, "
          "or auto: sluice in $XDG_CACHE_HOME, else in ~/.cache; models below "
          "50 million parameters are not kept");
ABSL_FLAG(int64_t, pack_cache_bytes, PackCacheOptions().max_bytes,
          "size of that directory at most; what was used least recently makes "
          "room");
ABSL_FLAG(int64_t, kv_cache_bytes, NativeRunnerOptions().kv_cache_bytes,
          "memory of the KV cache");
ABSL_FLAG(int64_t, kv_cache_tokens, BackendOptions().kv_cache_tokens,
          "positions of the KV cache; 0: as many as --kv_cache_bytes hold");
ABSL_FLAG(std::string, kv_format, NativeRunnerOptions().kv_format,
          "stored format of keys and values: bf16, f32 or int8 (torch: always "
          "f32)");
ABSL_FLAG(int32_t, block_size, NativeRunnerOptions().block_size,
          "positions of a KV block, a multiple of 16");
ABSL_FLAG(int32_t, threads, NativeRunnerOptions().threads,
          "computing threads; 0: what quota, cpuset and physical cores allow");
ABSL_FLAG(std::string, cpu_isa, NativeRunnerOptions().cpu_isa,
          "instruction set of the native backend: auto, scalar, avx2 or "
          "avx512");
ABSL_FLAG(int32_t, max_context, NativeRunnerOptions().max_context,
          "positions of a sequence at most; 0: what the model was made for");

ABSL_FLAG(int32_t, max_step_rows, SchedulerOptions().max_step_rows,
          "rows of a step at most, decode and prefill together");
ABSL_FLAG(int32_t, max_batch_size, SchedulerOptions().max_batch_size,
          "sequences that are computed at once");
ABSL_FLAG(int32_t, min_batch_size, SchedulerOptions().min_batch_size,
          "sequences that an idle engine waits for before it starts; 1: none");
ABSL_FLAG(int32_t, batch_timeout_ms, SchedulerOptions().batch_timeout_ms,
          "time after which an idle engine starts with fewer than "
          "--min_batch_size");
ABSL_FLAG(int32_t, target_step_ms, StepPacerOptions().target_step_ms,
          "time that a step should take; prefill is cut to meet it");
ABSL_FLAG(int32_t, max_queued_requests, SchedulerOptions().max_queued_requests,
          "requests that wait for their first step; more are refused");
ABSL_FLAG(int64_t, max_queued_tokens, SchedulerOptions().max_queued_tokens,
          "prompt and output tokens of these together; more are refused");
ABSL_FLAG(int32_t, max_preemptions, SchedulerOptions().max_preemptions,
          "times that a sequence may lose its KV blocks");
ABSL_FLAG(int32_t, priority_aging_ms, SchedulerOptions().priority_aging_ms,
          "time after which a request moves up one priority class");
ABSL_FLAG(bool, prefix_cache, SchedulerOptions().prefix_cache,
          "keep KV blocks for later requests of the same tenant that begin "
          "with the same tokens");
ABSL_FLAG(int32_t, max_warm_blocks, SchedulerOptions().max_warm_blocks,
          "KV blocks of public prefixes that are kept although others need "
          "blocks; at most a quarter of all");
ABSL_FLAG(int32_t, queue_timeout_ms, SchedulerOptions().queue_timeout_ms,
          "time after which a request that no step ran is ended; what is "
          "expected to wait three quarters of it is refused; 0: none");
ABSL_FLAG(int32_t, first_token_timeout_ms,
          SchedulerOptions().first_token_timeout_ms,
          "as --queue_timeout_ms, until the first token, prefill included");
ABSL_FLAG(int32_t, retry_delay_ms, SchedulerOptions().retry_delay_ms,
          "what a request refused for load is told to wait at least");
ABSL_FLAG(std::string, speculation, SpeculationOptions().on ? "auto" : "off",
          "auto: guess next tokens from the sequence's own and verify them in "
          "one step, while it pays; the output is the same; or off");
ABSL_FLAG(int32_t, speculation_max_draft, SpeculationOptions().max_draft,
          "tokens guessed for a sequence in a step at most, 1 to 64");
ABSL_FLAG(int32_t, outbox_ids, OutboxLimits().max_pending_ids,
          "unread ids at which a slow reader's request is paused");
ABSL_FLAG(int32_t, slow_reader_timeout_ms,
          EngineOptions().slow_reader_timeout_ms,
          "time that a request may be paused so before it is ended");
ABSL_FLAG(std::string, engine_trace, Config().engine_trace,
          "file that gets a JSON line for each step and each request that "
          "ended; empty: none");
ABSL_FLAG(int32_t, stall_limit_ms, EngineOptions().stall_limit_ms,
          "time without a step after which a busy engine is unhealthy; where "
          "steps are slow, twenty of them");

namespace sluice::generator {
namespace {

constexpr int64_t kMaxMs = 600'000;

absl::Status CheckConfig(const Config& config) {
  RETURN_IF_ERROR(ParseLogLevel(config.process.log_level).status());
  RETURN_IF_ERROR(
      ParseListenAddress("grpc_listen", config.rpc.listen).status());
  RETURN_IF_ERROR(ParseListenAddress("ops_listen", config.ops_listen).status());
  const auto check_ms = [](const char* flag, int64_t ms) {
    if (ms >= 0 && ms <= kMaxMs) return absl::OkStatus();
    return FieldError(flag, "out of range", std::to_string(ms), "0 to 600000");
  };
  RETURN_IF_ERROR(check_ms("drain_delay_ms", config.process.drain_delay_ms));
  RETURN_IF_ERROR(check_ms("drain_grace_ms", config.process.drain_grace_ms));
  RETURN_IF_ERROR(
      check_ms("memory_release_ms", config.process.memory_release_ms));
  RETURN_IF_ERROR(CheckOptions(config.backend));
  RETURN_IF_ERROR(CheckOptions(config.engine));
  const std::string& page = config.reference;
  if (!page.empty() && page != "flags" && page != "metrics") {
    return FieldError("reference", "unknown page", page, "flags or metrics");
  }
  return absl::OkStatus();
}

BackendOptions BackendOfFlags() {
  BackendOptions backend;
  backend.backend = absl::GetFlag(FLAGS_backend);
  backend.kv_cache_tokens = absl::GetFlag(FLAGS_kv_cache_tokens);
  backend.native.quantize.layers = absl::GetFlag(FLAGS_quantize);
  backend.native.quantize.head = absl::GetFlag(FLAGS_quantize_head);
  backend.native.quantize.group = absl::GetFlag(FLAGS_quantize_group);
  backend.native.pack_cache.directory = absl::GetFlag(FLAGS_pack_cache);
  backend.native.pack_cache.max_bytes = absl::GetFlag(FLAGS_pack_cache_bytes);
  backend.native.kv_cache_bytes = absl::GetFlag(FLAGS_kv_cache_bytes);
  backend.native.kv_format = absl::GetFlag(FLAGS_kv_format);
  backend.native.block_size = absl::GetFlag(FLAGS_block_size);
  backend.native.threads = absl::GetFlag(FLAGS_threads);
  backend.native.cpu_isa = absl::GetFlag(FLAGS_cpu_isa);
  backend.native.max_context = absl::GetFlag(FLAGS_max_context);
  return backend;
}

EngineOptions EngineOfFlags() {
  EngineOptions engine;
  SchedulerOptions& scheduler = engine.scheduler;
  scheduler.max_step_rows = absl::GetFlag(FLAGS_max_step_rows);
  scheduler.max_batch_size = absl::GetFlag(FLAGS_max_batch_size);
  scheduler.min_batch_size = absl::GetFlag(FLAGS_min_batch_size);
  scheduler.batch_timeout_ms = absl::GetFlag(FLAGS_batch_timeout_ms);
  scheduler.max_queued_requests = absl::GetFlag(FLAGS_max_queued_requests);
  scheduler.max_queued_tokens = absl::GetFlag(FLAGS_max_queued_tokens);
  scheduler.max_preemptions = absl::GetFlag(FLAGS_max_preemptions);
  scheduler.priority_aging_ms = absl::GetFlag(FLAGS_priority_aging_ms);
  scheduler.prefix_cache = absl::GetFlag(FLAGS_prefix_cache);
  scheduler.max_warm_blocks = absl::GetFlag(FLAGS_max_warm_blocks);
  scheduler.queue_timeout_ms = absl::GetFlag(FLAGS_queue_timeout_ms);
  scheduler.first_token_timeout_ms =
      absl::GetFlag(FLAGS_first_token_timeout_ms);
  scheduler.retry_delay_ms = absl::GetFlag(FLAGS_retry_delay_ms);
  scheduler.speculation.on = absl::GetFlag(FLAGS_speculation) == "auto";
  scheduler.speculation.max_draft = absl::GetFlag(FLAGS_speculation_max_draft);
  engine.pacer.target_step_ms = absl::GetFlag(FLAGS_target_step_ms);
  engine.pacer.max_prefill_rows = scheduler.max_step_rows;
  engine.outbox.max_pending_ids = absl::GetFlag(FLAGS_outbox_ids);
  engine.slow_reader_timeout_ms = absl::GetFlag(FLAGS_slow_reader_timeout_ms);
  engine.stall_limit_ms = absl::GetFlag(FLAGS_stall_limit_ms);
  return engine;
}

Config ConfigOfFlags() {
  Config config;
  config.model = absl::GetFlag(FLAGS_model);
  config.model_name = absl::GetFlag(FLAGS_model_name);
  config.ops_listen = absl::GetFlag(FLAGS_ops_listen);
  config.reference = absl::GetFlag(FLAGS_reference);
  config.rpc.listen = absl::GetFlag(FLAGS_grpc_listen);
  config.rpc.reflection = absl::GetFlag(FLAGS_reflection);
  config.backend = BackendOfFlags();
  config.engine = EngineOfFlags();
  config.engine_trace = absl::GetFlag(FLAGS_engine_trace);
  config.process.ports_file = absl::GetFlag(FLAGS_ports_file);
  config.process.log_level = absl::GetFlag(FLAGS_log_level);
  config.process.drain_delay_ms = absl::GetFlag(FLAGS_drain_delay_ms);
  config.process.drain_grace_ms = absl::GetFlag(FLAGS_drain_grace_ms);
  config.process.memory_release_ms = absl::GetFlag(FLAGS_memory_release_ms);
  return config;
}

}  // namespace

absl::StatusOr<Config> ParseConfig(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "the Generator service of Sluice.\n\n"
      "  sluice-generator [flags]                  serve a model directory\n"
      "  sluice-generator inspect DIR              say what a model directory "
      "holds\n"
      "  sluice-generator make-random-model ...    write a model of random "
      "weights");
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  if (rest.size() > 1) {
    return FieldError("command line", "unknown argument", rest[1],
                      "inspect DIR, make-random-model, or flags only");
  }
  const std::string speculation = absl::GetFlag(FLAGS_speculation);
  if (speculation != "auto" && speculation != "off") {
    return FieldError("speculation", "unknown", speculation, "auto or off");
  }
  Config config = ConfigOfFlags();
  RETURN_IF_ERROR(CheckConfig(config));
  if (!config.reference.empty()) return config;
  if (config.model.empty()) {
    ASSIGN_OR_RETURN(config.model, DefaultModelDirectory());
  }
  if (config.model_name.empty()) {
    config.model_name = ModelNameOf(config.model);
  }
  return config;
}

}  // namespace sluice::generator
