// llama-steps: prefill, decode and batches of llama.cpp by request, so that a
// bench can alternate with it step by step without loading a model each time.
// The same calls in the same order as its own llama-bench and
// llama-batched-bench make; bench/peers checks it against them.
//
//   llama-steps MODEL.gguf key=value...
//     threads=N flash=0|1 mmap=0|1 repack=0|1 kv=f16|bf16|q8_0|f32
// Reads a case per line (pp512, tg64@1024, b8@128, as sluice-bench-engine
// has them), answers a line of JSON each.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llama.h"

namespace {

constexpr int kBatchSteps = 16;
constexpr int kBatch = 2048;  // the peer's own defaults
constexpr int kMicroBatch = 512;

struct Case {
  int sequences = 1;
  int depth = 0;
  int rows = 0;  // of a prefill; 0: decode
  int steps = 1;
};

std::optional<int> Number(const std::string& text) {
  if (text.empty() || text.find_first_not_of("0123456789") != text.npos) {
    return std::nullopt;
  }
  return std::atoi(text.c_str());
}

std::optional<Case> ParseCase(const std::string& name) {
  Case one;
  const size_t at = name.find('@');
  const std::string head = name.substr(0, at);
  const std::optional<int> depth =
      at == name.npos ? std::optional(0) : Number(name.substr(at + 1));
  const bool batch = head.rfind("b", 0) == 0;
  const std::optional<int> count =
      head.size() < 2 ? std::nullopt : Number(head.substr(batch ? 1 : 2));
  if (!depth || !count || *count == 0) return std::nullopt;
  one.depth = *depth;
  if (batch) {
    one.sequences = *count;
    one.steps = kBatchSteps;
  } else if (head.rfind("pp", 0) == 0) {
    one.rows = *count;
  } else if (head.rfind("tg", 0) == 0) {
    one.steps = *count;
  } else {
    return std::nullopt;
  }
  return one;
}

struct Options {
  int threads = 1;
  bool flash = true;
  bool mmap = true;
  bool repack = true;
  ggml_type kv = GGML_TYPE_F16;
};

std::optional<Options> ParseOptions(int argc, char** argv) {
  const std::map<std::string, ggml_type> types = {{"f16", GGML_TYPE_F16},
                                                  {"bf16", GGML_TYPE_BF16},
                                                  {"q8_0", GGML_TYPE_Q8_0},
                                                  {"f32", GGML_TYPE_F32}};
  Options options;
  for (int i = 2; i < argc; ++i) {
    const std::string argument = argv[i];
    const size_t equals = argument.find('=');
    if (equals == argument.npos) return std::nullopt;
    const std::string key = argument.substr(0, equals);
    const std::string value = argument.substr(equals + 1);
    if (key == "kv" && types.count(value)) {
      options.kv = types.at(value);
      continue;
    }
    const std::optional<int> number = Number(value);
    if (!number) return std::nullopt;
    if (key == "threads") {
      options.threads = *number;
    } else if (key == "flash") {
      options.flash = *number != 0;
    } else if (key == "mmap") {
      options.mmap = *number != 0;
    } else if (key == "repack") {
      options.repack = *number != 0;
    } else {
      return std::nullopt;
    }
  }
  return options;
}

double Now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

struct FreeModel {
  void operator()(llama_model* model) const { llama_model_free(model); }
};
struct FreeContext {
  void operator()(llama_context* context) const { llama_free(context); }
};
using Model = std::unique_ptr<llama_model, FreeModel>;
using Context = std::unique_ptr<llama_context, FreeContext>;

Model LoadModel(const std::string& path, const Options& options) {
  llama_model_params params = llama_model_default_params();
  params.load_mode = options.mmap ? LLAMA_LOAD_MODE_MMAP : LLAMA_LOAD_MODE_NONE;
  params.use_extra_bufts = options.repack;
  return Model(llama_model_load_from_file(path.c_str(), params));
}

// One case with a context of its own, as large as the case needs.
class Bench {
 public:
  Bench(llama_model* model, const Case& one, const Options& options)
      : case_(one),
        vocabulary_(llama_vocab_n_tokens(llama_model_get_vocab(model))) {
    llama_context_params params = llama_context_default_params();
    params.n_ctx = one.sequences * (one.depth + one.rows + one.steps);
    params.n_batch = kBatch;
    params.n_ubatch = kMicroBatch;
    params.n_seq_max = one.sequences;
    params.n_threads = params.n_threads_batch = options.threads;
    params.flash_attn_type = options.flash ? LLAMA_FLASH_ATTN_TYPE_ENABLED
                                           : LLAMA_FLASH_ATTN_TYPE_DISABLED;
    params.type_k = params.type_v = options.kv;
    params.no_perf = true;
    params.kv_unified = false;
    context_.reset(llama_init_from_model(model, params));
    batch_ = llama_batch_init(kBatch, 0, 1);
  }
  ~Bench() { llama_batch_free(batch_); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  bool ready() const { return context_ != nullptr; }

  // The positions before the case, and one round of it so that all memory was
  // touched.
  bool Prepare() {
    llama_memory_clear(llama_get_memory(context_.get()), false);
    return FillDepth() && Run();
  }

  // Takes back what the last round wrote, then the round: seconds, or less than
  // zero when the peer failed.
  double Measure() {
    Rewind();
    const double start = Now();
    return Run() ? Now() - start : -1;
  }

 private:
  void Rewind() {
    for (int s = 0; s < case_.sequences; ++s) {
      llama_memory_seq_rm(llama_get_memory(context_.get()), s, case_.depth, -1);
    }
  }

  void Add(int sequence, int position, bool wants_logits) {
    const int i = batch_.n_tokens++;
    batch_.token[i] = std::rand() % vocabulary_;
    batch_.pos[i] = position;
    batch_.n_seq_id[i] = 1;
    batch_.seq_id[i][0] = sequence;
    batch_.logits[i] = wants_logits;
  }

  bool Decode() {
    const bool good = llama_decode(context_.get(), batch_) == 0;
    batch_.n_tokens = 0;
    return good;
  }

  bool Prefill(int sequence, int first, int count) {
    for (int at = 0; at < count; at += kBatch) {
      const int end = std::min(count, at + kBatch);
      for (int i = at; i < end; ++i) {
        Add(sequence, first + i, i + 1 == count);
      }
      if (!Decode()) return false;
    }
    return true;
  }

  bool FillDepth() {
    for (int s = 0; s < case_.sequences; ++s) {
      if (!Prefill(s, 0, case_.depth)) return false;
    }
    llama_synchronize(context_.get());
    return true;
  }

  bool Run() {
    if (case_.rows > 0) {
      if (!Prefill(0, case_.depth, case_.rows)) return false;
      llama_synchronize(context_.get());
      return true;
    }
    for (int step = 0; step < case_.steps; ++step) {
      for (int s = 0; s < case_.sequences; ++s) {
        Add(s, case_.depth + step, true);
      }
      if (!Decode()) return false;
      llama_synchronize(context_.get());
    }
    return true;
  }

  const Case case_;
  const int vocabulary_;
  Context context_;
  llama_batch batch_;
};

int Serve(llama_model* model, const Options& options) {
  std::unique_ptr<Bench> bench;
  std::string current, name;
  while (std::getline(std::cin, name)) {
    const std::optional<Case> one = ParseCase(name);
    if (!one) {
      std::fprintf(stderr, "case: unknown, got '%s'\n", name.c_str());
      return 1;
    }
    if (name != current) {
      bench.reset();
      bench = std::make_unique<Bench>(model, *one, options);
      current = name;
      if (!bench->ready() || !bench->Prepare()) return 1;
    }
    const double seconds = bench->Measure();
    if (seconds < 0) return 1;
    const int tokens = one->rows > 0 ? one->rows : one->steps * one->sequences;
    std::printf(
        "{\"case\":\"%s\",\"tokens\":%d,\"seconds\":%.6f,"
        "\"tokens_per_second\":%.3f}\n",
        name.c_str(), tokens, seconds, tokens / seconds);
    std::fflush(stdout);
  }
  return 0;
}

void OnlyErrors(ggml_log_level level, const char* text, void*) {
  if (level >= GGML_LOG_LEVEL_ERROR && level != GGML_LOG_LEVEL_CONT) {
    std::fputs(text, stderr);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::optional<Options> options = ParseOptions(argc, argv);
  if (argc < 2 || !options) {
    std::fprintf(stderr,
                 "llama-steps MODEL.gguf [threads=N flash=0|1 mmap=0|1 "
                 "repack=0|1 kv=f16|bf16|q8_0|f32]\n");
    return 2;
  }
  llama_log_set(OnlyErrors, nullptr);
  llama_backend_init();
  const Model model = LoadModel(argv[1], *options);
  if (model == nullptr) return 1;
  char described[256];
  llama_model_desc(model.get(), described, sizeof(described));
  std::printf("{\"model\":\"%s\",\"bytes\":%llu,\"system_info\":\"%s\"}\n",
              described,
              static_cast<unsigned long long>(llama_model_size(model.get())),
              llama_print_system_info());
  std::fflush(stdout);
  return Serve(model.get(), *options);
}
