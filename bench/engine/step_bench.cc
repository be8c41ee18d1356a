#include "bench/engine/step_bench.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"

namespace sluice::bench {
namespace {

using generator::SequenceRows;
using generator::StepPlan;

constexpr int32_t kChunkRows = 512;

double Now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// The Gateway's preset "balanced".
generator::SamplingParams Balanced() {
  generator::SamplingParams params;
  params.temperature = 0.5f;
  params.top_k = 40;
  params.top_p = 0.9f;
  params.repetition_penalty = 1.2f;
  return params;
}

}  // namespace

StepLimits LimitsOf(const generator::RunnerInfo& info,
                    const generator::ModelConfig& config) {
  const double table =
      static_cast<double>(config.vocabulary_size) * config.hidden_size;
  const double tables = config.tied_head ? table : 2 * table;
  const double parameters = static_cast<double>(info.parameters);
  // An untied embedding is stored as the head is.
  const double unread = config.tied_head ? 0 : table / parameters;
  return {
      .bytes_per_token = static_cast<double>(info.weight_bytes) * (1 - unread),
      .layer_parameters = parameters - tables};
}

double ShareOf(const EngineCase& one, const StepSample& sample,
               const StepLimits& limits) {
  const double rate = sample.tokens_per_second;
  if (one.rows > 0) {
    const double operations = 2.0 * limits.layer_parameters * rate;
    return sample.vnni_peak > 0 ? operations / sample.vnni_peak : -1;
  }
  if (one.sequences > 1) return -1;
  if (sample.bandwidth == 0) return -1;
  return rate * limits.bytes_per_token / sample.bandwidth;
}

StepBench::StepBench(generator::ModelRunner& runner,
                     const StepBenchOptions& options)
    : runner_(runner),
      sample_(options.sample),
      pool_({.threads = runner.info().threads}),
      params_(Balanced()) {
  if (options.probe) bandwidth_.emplace(pool_);
}

void StepBench::Probe(StepSample& sample) {
  if (!bandwidth_.has_value()) return;
  sample.bandwidth += bandwidth_->Measure() / 2;
  sample.vnni_peak += MeasureVnniPeak(pool_) / 2;
}

absl::Status StepBench::Prepare(const EngineCase& one) {
  const int32_t block_size = runner_.info().block_size;
  blocks_each_ = (one.room() + block_size - 1) / block_size;
  if (one.sequences > runner_.info().block_count / blocks_each_) {
    return FieldError("cases", "needs too many blocks",
                      absl::StrCat(one.sequences * int64_t{blocks_each_}),
                      absl::StrCat(runner_.info().block_count));
  }
  const generator::SeenTokens none(runner_.info().vocabulary_size);
  streams_.assign(one.sequences, Stream{.seen = none});
  for (int32_t s = 0; s < one.sequences && one.depth > 0; ++s) {
    RETURN_IF_ERROR(Prefill(s, 0, one.depth));
  }
  return Run(one);
}

absl::StatusOr<StepSample> StepBench::Measure(const EngineCase& one) {
  StepSample sample;
  Probe(sample);
  const double start = Now();
  RETURN_IF_ERROR(Run(one));
  sample.seconds = Now() - start;
  sample.tokens_per_second = one.tokens() / sample.seconds;
  Probe(sample);
  return sample;
}

absl::Status StepBench::Run(const EngineCase& one) {
  return one.rows > 0 ? Prefill(0, one.depth, one.rows) : Decode(one);
}

// Rows of made-up ids; each sequence has blocks of its own.
SequenceRows StepBench::Rows(int32_t sequence, int32_t first,
                             int32_t count) const {
  SequenceRows rows;
  rows.first_position = first;
  for (int32_t i = 0; i < count; ++i) {
    rows.token_ids.push_back((first + i) * 31 % runner_.info().vocabulary_size);
  }
  for (int32_t b = 0; b < blocks_each_; ++b) {
    rows.block_table.push_back(sequence * blocks_each_ + b);
  }
  return rows;
}

absl::Status StepBench::Prefill(int32_t sequence, int32_t first,
                                int32_t count) {
  const int32_t end = first + count;
  for (int32_t at = first; at < end; at += kChunkRows) {
    StepPlan plan;
    plan.sequences.push_back(
        Rows(sequence, at, std::min(kChunkRows, end - at)));
    const bool last = at + kChunkRows >= end;
    plan.sequences[0].wants_logits = last;
    for (const int32_t id : plan.sequences[0].token_ids) {
      streams_[sequence].seen.Add(id);
    }
    ASSIGN_OR_RETURN(const generator::LogitsView logits, runner_.Run(plan));
    if (last) RETURN_IF_ERROR(SampleRow(logits.Row(0), sequence, end));
  }
  return absl::OkStatus();
}

absl::Status StepBench::Decode(const EngineCase& one) {
  for (int32_t step = 0; step < one.steps; ++step) {
    const int32_t position = one.depth + step;
    StepPlan plan;
    for (int32_t s = 0; s < one.sequences; ++s) {
      plan.sequences.push_back(Rows(s, position, 1));
      plan.sequences.back().wants_logits = true;
      if (sample_) plan.sequences.back().token_ids[0] = streams_[s].next_id;
    }
    ASSIGN_OR_RETURN(const generator::LogitsView logits, runner_.Run(plan));
    for (int32_t s = 0; s < one.sequences; ++s) {
      RETURN_IF_ERROR(SampleRow(logits.Row(s), s, position + 1));
    }
  }
  return absl::OkStatus();
}

absl::Status StepBench::SampleRow(absl::Span<const float> logits,
                                  int32_t sequence, int32_t position) {
  if (!sample_) return absl::OkStatus();
  Stream& stream = streams_[sequence];
  params_.seed = static_cast<uint64_t>(sequence);
  generator::SamplePoint point;
  point.seen = &stream.seen;
  point.position = position;
  ASSIGN_OR_RETURN(stream.next_id, sampler_.Sample(logits, params_, point));
  stream.seen.Add(stream.next_id);
  return absl::OkStatus();
}

}  // namespace sluice::bench
