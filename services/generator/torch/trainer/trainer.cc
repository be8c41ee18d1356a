#include "services/generator/torch/trainer/trainer.h"

#include <ATen/Parallel.h>
#include <malloc.h>
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <memory>
#include <numeric>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "services/generator/torch/trainer/checkpoint.h"
#include "services/generator/torch/trainer/export.h"
#include "services/generator/torch/trainer/id_file.h"
#include "services/generator/torch/trainer/model.h"

namespace sluice::generator {
namespace {

using SteadyClock = std::chrono::steady_clock;

double Minutes(SteadyClock::duration duration) {
  return std::chrono::duration<double>(duration).count() / 60;
}

std::vector<torch::Tensor> Parameters(const TrainableModel& model) {
  std::vector<torch::Tensor> all = model.matrices();
  all.insert(all.end(), model.vectors().begin(), model.vectors().end());
  return all;
}

// AdamW with decay on matrices only. Source: Loshchilov and Hutter 2019.
class AdamW {
 public:
  AdamW(const TrainableModel& model, double weight_decay)
      : weight_decay_(weight_decay),
        matrices_(model.matrices().size()),
        parameters_(Parameters(model)) {
    for (const torch::Tensor& parameter : parameters_) {
      first_.push_back(torch::zeros_like(parameter.detach()));
      second_.push_back(torch::zeros_like(parameter.detach()));
    }
  }

  // Gradients in the order of Parameters, their norm at most `clip`.
  void Step(std::vector<torch::Tensor> gradients, double clip, double rate,
            int64_t step) {
    torch::NoGradGuard no_gradient;
    double square = 0;
    for (const torch::Tensor& g : gradients) {
      square += g.square().sum().item<double>();
    }
    const double scale = std::min(1.0, clip / (std::sqrt(square) + 1e-12));
    const double age = static_cast<double>(step + 1);
    const double correction1 = 1 - std::pow(kBeta1, age);
    const double correction2 = std::sqrt(1 - std::pow(kBeta2, age));
    for (size_t i = 0; i < parameters_.size(); ++i) {
      torch::Tensor& p = parameters_[i];
      const torch::Tensor& gradient = gradients[i].mul_(scale);
      if (i < matrices_) p.mul_(1 - rate * weight_decay_);
      first_[i].mul_(kBeta1).add_(gradient, 1 - kBeta1);
      second_[i].mul_(kBeta2).addcmul_(gradient, gradient, 1 - kBeta2);
      const torch::Tensor size =
          second_[i].sqrt().div_(correction2).add_(kEpsilon);
      p.addcdiv_(first_[i], size, -rate / correction1);
    }
  }

  // Parameters and moments: all that a checkpoint must hold.
  std::vector<torch::Tensor> State() const {
    std::vector<torch::Tensor> state = parameters_;
    state.insert(state.end(), first_.begin(), first_.end());
    state.insert(state.end(), second_.begin(), second_.end());
    return state;
  }

 private:
  static constexpr double kBeta1 = 0.9;
  static constexpr double kBeta2 = 0.98;
  static constexpr double kEpsilon = 1e-9;

  double weight_decay_;
  size_t matrices_;
  std::vector<torch::Tensor> parameters_, first_, second_;
};

// Copies of one model on a thread each. A thread runs whole documents by
// itself: small operators split over threads would mostly wait for each other.
class Replicas {
 public:
  Replicas(const TrainerOptions& options) {
    for (int32_t i = 0; i < options.threads; ++i) {
      models_.push_back(std::make_unique<TrainableModel>(
          options.shape, options.batches.seed, options.bf16));
      if (i > 0) models_[i]->ShareParameters(*models_[0]);
    }
  }

  TrainableModel& first() { return *models_[0]; }
  int32_t count() const { return static_cast<int32_t>(models_.size()); }

  // Calls work(index, model) for all at once; rethrows what one throws.
  template <typename Work>
  void ForEach(const Work& work) {
    std::vector<std::exception_ptr> errors(models_.size());
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < models_.size(); ++i) {
      threads.emplace_back([this, i, &work, &errors] {
        at::set_num_threads(1);
        try {
          work(i, *models_[i]);
        } catch (...) {
          errors[i] = std::current_exception();
        }
      });
    }
    threads.clear();
    for (const std::exception_ptr& error : errors) {
      if (error) std::rethrow_exception(error);
    }
  }

  // Sums and clears the gradients of all, always in the same order.
  std::vector<torch::Tensor> TakeGradients() {
    std::vector<torch::Tensor> sums;
    for (const auto& model : models_) {
      const std::vector<torch::Tensor> parameters = Parameters(*model);
      sums.resize(parameters.size());
      for (size_t i = 0; i < parameters.size(); ++i) {
        torch::Tensor p = parameters[i];
        if (!p.grad().defined()) continue;
        sums[i] = sums[i].defined() ? sums[i].add_(p.grad()) : p.grad();
        p.mutable_grad() = torch::Tensor();
      }
    }
    return sums;
  }

 private:
  std::vector<std::unique_ptr<TrainableModel>> models_;
};

// Answers of these documents whose every id is the most likely one: what
// greedy decoding would answer, exactly. Adds to `right` and `all`.
void CountExact(TrainableModel& model, const IdFile& file,
                absl::Span<const int32_t> documents, int64_t& right,
                int64_t& all) {
  torch::NoGradGuard no_gradient;
  const Batch batch = MakeBatch(file, documents, 0);
  const torch::Tensor best = model.Logits(batch).argmax(-1).contiguous();
  const int64_t* guess = best.data_ptr<int64_t>();
  const int64_t* target = batch.targets.data();
  for (const int32_t document : documents) {
    for (const IdFile::Span& answer : file.Answers(document)) {
      const int64_t ids = answer.end - answer.begin;
      right += std::equal(target, target + ids, guess) ? 1 : 0;
      guess += ids;
      target += ids;
      ++all;
    }
  }
}

double ExactAnswers(Replicas& replicas, const IdFile& file) {
  std::vector<int32_t> lengths;
  for (int32_t i = 0; i < file.documents(); ++i) {
    lengths.push_back(file.length(i));
  }
  const auto plan = PlanEpoch(lengths, BatchOptions(), 0);
  const auto count = static_cast<size_t>(replicas.count());
  std::vector<int64_t> right(count), all(count);
  replicas.ForEach([&](size_t index, TrainableModel& model) {
    for (size_t i = index; i < plan.size(); i += count) {
      CountExact(model, file, plan[i], right[index], all[index]);
    }
  });
  const int64_t total = std::accumulate(all.begin(), all.end(), int64_t{0});
  if (total == 0) return 0;
  return static_cast<double>(
             std::accumulate(right.begin(), right.end(), int64_t{0})) /
         static_cast<double>(total);
}

class Run {
 public:
  Run(const TrainerOptions& options, IdFile ids,
      std::vector<std::pair<std::string, IdFile>> evals)
      : options_(options),
        ids_(std::move(ids)),
        evals_(std::move(evals)),
        replicas_(options),
        adamw_(replicas_.first(), options.weight_decay),
        terminal_(isatty(STDERR_FILENO) == 1) {
    for (int32_t i = 0; i < ids_.documents(); ++i) {
      lengths_.push_back(ids_.length(i));
    }
  }

  absl::Status Loop();

 private:
  absl::Status Resume();
  absl::Status MaybeSave(bool now);
  double TrainStep();
  void Evaluate();
  void Show(double loss);
  double minutes() const {
    return progressed_.minutes + Minutes(SteadyClock::now() - started_);
  }
  double progress() const {
    return Progress(options_.schedule, progressed_.step, minutes());
  }
  const std::vector<int32_t>& NextDocuments();

  const TrainerOptions options_;
  const IdFile ids_;
  const std::vector<std::pair<std::string, IdFile>> evals_;
  Replicas replicas_;
  AdamW adamw_;
  const bool terminal_;
  std::vector<int32_t> lengths_;
  Progressed progressed_;
  SteadyClock::time_point started_ = SteadyClock::now();
  SteadyClock::time_point saved_ = started_;
  SteadyClock::time_point shown_ = started_;
  int64_t shown_tokens_ = 0;
  double smooth_loss_ = 0;
  int32_t epoch_ = -1;
  int64_t epoch_first_step_ = 0;
  std::vector<std::vector<int32_t>> plan_;
};

const std::vector<int32_t>& Run::NextDocuments() {
  while (epoch_ < 0 || progressed_.step - epoch_first_step_ >=
                           static_cast<int64_t>(plan_.size())) {
    epoch_first_step_ += static_cast<int64_t>(plan_.size());
    plan_ = PlanEpoch(lengths_, options_.batches, ++epoch_);
  }
  return plan_[static_cast<size_t>(progressed_.step - epoch_first_step_)];
}

double Run::TrainStep() {
  const std::vector<std::vector<int32_t>> hands =
      Deal(NextDocuments(), replicas_.count());
  std::vector<Batch> batches;
  double weight = 0;
  for (const std::vector<int32_t>& hand : hands) {
    batches.push_back(MakeBatch(ids_, hand, options_.prompt_weight));
    const Batch& batch = batches.back();
    weight =
        std::accumulate(batch.weights.begin(), batch.weights.end(), weight);
    shown_tokens_ += batch.rows * batch.width;
  }
  std::vector<double> losses(hands.size());
  replicas_.ForEach([&](size_t index, TrainableModel& model) {
    const Batch& batch = batches[index];
    if (batch.places.empty()) return;
    const torch::Tensor each = torch::nll_loss(
        torch::log_softmax(model.Logits(batch), -1),
        torch::tensor(batch.targets), {}, torch::Reduction::None);
    const torch::Tensor loss =
        (each * torch::tensor(batch.weights)).sum() / weight;
    loss.backward();
    losses[index] = loss.item<double>();
  });
  adamw_.Step(replicas_.TakeGradients(), options_.clip_norm,
              LearningRate(options_.schedule, progressed_.step, progress()),
              progressed_.step);
  ++progressed_.step;
  return std::accumulate(losses.begin(), losses.end(), 0.0);
}

void Run::Evaluate() {
  std::fprintf(
      stderr, "%sstep %lld, %.1f min, loss %.4f:", terminal_ ? "\r\033[K" : "",
      static_cast<long long>(progressed_.step), minutes(), smooth_loss_);
  for (const auto& [name, file] : evals_) {
    std::fprintf(stderr, " %s %.1f%%", name.c_str(),
                 100 * ExactAnswers(replicas_, file));
  }
  std::fprintf(stderr, "\n");
}

void Run::Show(double loss) {
  smooth_loss_ = smooth_loss_ == 0 ? loss : 0.98 * smooth_loss_ + 0.02 * loss;
  const double seconds = 60 * Minutes(SteadyClock::now() - shown_);
  if (seconds < (terminal_ ? 0.5 : 20)) return;
  const double done = progress();
  const int filled = static_cast<int>(done * 30);
  std::fprintf(stderr,
               "%s[%.*s%.*s] %5.1f%% step %lld loss %.4f %.0f "
               "tokens/s ETA %.1f min%s",
               terminal_ ? "\r\033[K" : "", filled,
               "==============================", 30 - filled,
               "..............................", 100 * done,
               static_cast<long long>(progressed_.step), smooth_loss_,
               static_cast<double>(shown_tokens_) / seconds,
               done > 0 ? minutes() * (1 - done) / done : 0.0,
               terminal_ ? "" : "\n");
  shown_ = SteadyClock::now();
  shown_tokens_ = 0;
}

absl::Status Run::Resume() {
  if (options_.checkpoint.empty()) return absl::OkStatus();
  const auto loaded = LoadCheckpoint(options_.checkpoint, adamw_.State());
  if (absl::IsNotFound(loaded.status())) return absl::OkStatus();
  RETURN_IF_ERROR(loaded.status());
  progressed_ = *loaded;
  std::fprintf(stderr, "resumed %s at step %lld\n", options_.checkpoint.c_str(),
               static_cast<long long>(progressed_.step));
  return absl::OkStatus();
}

absl::Status Run::MaybeSave(bool now) {
  if (options_.checkpoint.empty()) return absl::OkStatus();
  const auto time = SteadyClock::now();
  if (!now && Minutes(time - saved_) < options_.checkpoint_minutes) {
    return absl::OkStatus();
  }
  saved_ = time;
  return SaveCheckpoint(options_.checkpoint, {progressed_.step, minutes()},
                        adamw_.State());
}

absl::Status Run::Loop() {
  RETURN_IF_ERROR(Resume());
  std::fprintf(stderr, "%lld parameters, %d documents, %lld tokens\n",
               static_cast<long long>(replicas_.first().parameters()),
               ids_.documents(), static_cast<long long>(ids_.tokens()));
  const int64_t stop = options_.schedule.stop_step;
  while (progress() < 1) {
    if (stop > 0 && progressed_.step >= stop) return MaybeSave(true);
    Show(TrainStep());
    if (progressed_.step % options_.eval_steps == 0) Evaluate();
    RETURN_IF_ERROR(MaybeSave(false));
  }
  RETURN_IF_ERROR(MaybeSave(true));
  replicas_.first().RoundToBf16();
  Evaluate();
  return ExportModel(options_.out, options_.shape,
                     {ids_.end_of_text(), ids_.answer_end()},
                     replicas_.first());
}

}  // namespace

absl::Status Train(const TrainerOptions& options) {
  // Keep freed memory: giving each activation back to the kernel and faulting
  // it in again costs a tenth of a step.
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
  at::set_num_threads(1);
  TrainerOptions complete = options;
  complete.batches.min_rows = options.threads;
  ASSIGN_OR_RETURN(IdFile ids, IdFile::Read(options.ids));
  complete.shape.vocabulary = ids.vocabulary_size();
  for (int32_t i = 0; i < ids.documents(); ++i) {
    if (ids.length(i) > options.shape.max_positions) {
      return absl::InvalidArgumentError(
          absl::StrCat(options.ids, ": document ", i, " has ", ids.length(i),
                       " ids, limit ", options.shape.max_positions));
    }
  }
  std::vector<std::pair<std::string, IdFile>> evals;
  for (const NamedPath& eval : options.evals) {
    ASSIGN_OR_RETURN(IdFile file, IdFile::Read(eval.prefix));
    evals.emplace_back(eval.name, std::move(file));
  }
  return std::make_unique<Run>(complete, std::move(ids), std::move(evals))
      ->Loop();
}

}  // namespace sluice::generator
