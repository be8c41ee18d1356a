#include "tests/parity/model_driver.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "common/base/check.h"
#include "common/base/status_macros.h"

namespace sluice::parity {
namespace {

using generator::LogitsView;
using generator::ModelRunner;
using generator::SequenceRows;
using generator::StepPlan;

// Hands out the blocks of a pool in an order that is far from ascending, so
// that a backend that ignores the table is found out.
class BlockDealer {
 public:
  explicit BlockDealer(int32_t count) : count_(count) {
    // A step that is coprime to the count visits every block once.
    while (std::gcd(stride_, count_) != 1) ++stride_;
  }
  int32_t Next() {
    SLUICE_CHECK(dealt_ < count_, "the pool is large enough for the test");
    return static_cast<int32_t>(
        (count_ - 1 - int64_t{dealt_++} * stride_ % count_));
  }

 private:
  const int32_t count_;
  int32_t stride_ = 7;
  int32_t dealt_ = 0;
};

struct Stream {
  int32_t case_index = 0;
  const GoldenCase* golden = nullptr;
  std::vector<int32_t> ids;  // prompt and continuation
  int32_t start_step = 0;
  int32_t done = 0;  // positions in the cache
  std::vector<int32_t> block_table;
  CaseResult result;
  bool agrees = true;  // every greedy id so far

  int32_t size() const { return static_cast<int32_t>(ids.size()); }
  int32_t prompt() const {
    return static_cast<int32_t>(golden->prompt_ids.size());
  }
};

// Small sizes that meet block and tile borders in every way.
int32_t ChunkSize(Mode mode, int32_t step) {
  constexpr int32_t kSizes[] = {1, 5, 16, 3, 31, 2, 17};
  if (mode == Mode::kWhole) return std::numeric_limits<int32_t>::max();
  return kSizes[step % std::size(kSizes)];
}

// Logits come out of the last row of a step only, so a chunk ends where some
// are stored, except in the mode that takes the prompt whole.
int32_t NextRows(const Stream& stream, Mode mode, int32_t step) {
  if (stream.done >= stream.prompt()) return 1;
  int32_t end = stream.prompt();
  if (mode != Mode::kWhole) {
    const auto& stored = stream.golden->positions;
    const auto next =
        std::lower_bound(stored.begin(), stored.end(), stream.done);
    if (next != stored.end()) end = std::min(end, *next + 1);
  }
  return std::min(end - stream.done, ChunkSize(mode, step));
}

SequenceRows MakeRows(Stream& stream, int32_t rows, int32_t block_size,
                      BlockDealer& dealer) {
  const int32_t end = stream.done + rows;
  while (static_cast<int32_t>(stream.block_table.size()) * block_size < end) {
    stream.block_table.push_back(dealer.Next());
  }
  SequenceRows out;
  out.token_ids.assign(stream.ids.begin() + stream.done,
                       stream.ids.begin() + end);
  out.first_position = stream.done;
  out.block_table = stream.block_table;
  out.wants_logits = true;
  return out;
}

// Takes the logits of position `stream.done - 1`.
void Take(Stream& stream, absl::Span<const float> row, ModeResult& result) {
  const GoldenCase& golden = *stream.golden;
  const int32_t position = stream.done - 1;
  const auto stored = std::lower_bound(golden.positions.begin(),
                                       golden.positions.end(), position);
  if (stored != golden.positions.end() && *stored == position) {
    RowSample sample;
    sample.difference =
        CompareRows(row, golden.logits[stored - golden.positions.begin()]);
    const auto [low, high] = std::minmax_element(row.begin(), row.end());
    sample.spread = static_cast<double>(*high) - *low;
    sample.case_index = stream.case_index;
    sample.position = position;
    sample.decode = position >= stream.prompt();
    result.rows.push_back(sample);
  }
  const int32_t choice = position - (stream.prompt() - 1);
  if (choice < 0 || choice >= stream.result.greedy_wanted) return;
  stream.agrees = stream.agrees && ArgMax(row) == golden.greedy_ids[choice];
  if (stream.agrees) ++stream.result.greedy_equal;
}

// One step of the streams that have begun and are not finished.
absl::Status Step(ModelRunner& runner, Mode mode, int32_t step,
                  std::vector<Stream*>& streams, BlockDealer& dealer,
                  ModeResult& result) {
  StepPlan plan;
  std::vector<Stream*> planned;
  for (size_t i = 0; i < streams.size(); ++i) {
    Stream& stream = *streams[i];
    if (step < stream.start_step || stream.done == stream.size()) continue;
    const int32_t rows = NextRows(stream, mode, step + static_cast<int32_t>(i));
    plan.sequences.push_back(
        MakeRows(stream, rows, runner.info().block_size, dealer));
    planned.push_back(&stream);
  }
  ASSIGN_OR_RETURN(const LogitsView logits, runner.Run(plan));
  SLUICE_CHECK(logits.rows == static_cast<int32_t>(planned.size()),
               "every sequence asked for logits");
  for (size_t i = 0; i < planned.size(); ++i) {
    planned[i]->done +=
        static_cast<int32_t>(plan.sequences[i].token_ids.size());
    Take(*planned[i], logits.Row(static_cast<int32_t>(i)), result);
  }
  return absl::OkStatus();
}

absl::Status RunTogether(ModelRunner& runner, Mode mode,
                         std::vector<Stream*> streams, BlockDealer& dealer,
                         ModeResult& result) {
  const auto unfinished = [](const Stream* stream) {
    return stream->done < stream->size();
  };
  for (int32_t step = 0;
       std::any_of(streams.begin(), streams.end(), unfinished); ++step) {
    RETURN_IF_ERROR(Step(runner, mode, step, streams, dealer, result));
  }
  return absl::OkStatus();
}

std::vector<Stream> MakeStreams(const GoldenModel& model, Mode mode) {
  constexpr int32_t kStepsBetweenStarts = 4;
  std::vector<Stream> streams(model.cases.size());
  for (size_t i = 0; i < streams.size(); ++i) {
    const int32_t index = static_cast<int32_t>(i);
    Stream& stream = streams[i];
    stream.case_index = index;
    stream.golden = &model.cases[i];
    stream.ids = model.cases[i].AllIds();
    stream.start_step =
        mode == Mode::kBatched ? index * kStepsBetweenStarts : 0;
    stream.result.case_index = index;
    stream.result.greedy_wanted =
        static_cast<int32_t>(model.cases[i].greedy_ids.size());
  }
  return streams;
}

}  // namespace

std::string ModeName(Mode mode) {
  switch (mode) {
    case Mode::kWhole:
      return "whole";
    case Mode::kChunked:
      return "chunked";
    case Mode::kBatched:
      return "batched";
  }
  SLUICE_CHECK(false, "a mode has a name");
}

RowDifference CompareRows(absl::Span<const float> row,
                          absl::Span<const float> reference) {
  SLUICE_CHECK(row.size() == reference.size(), "rows are of one vocabulary");
  RowDifference out;
  for (size_t i = 0; i < reference.size(); ++i) {
    const double wanted = reference[i];
    const double difference = std::abs(row[i] - wanted);
    out.max_abs_diff =
        std::max(out.max_abs_diff, std::isnan(difference)
                                       ? std::numeric_limits<double>::infinity()
                                       : difference);
    out.max_abs_ref = std::max(out.max_abs_ref, std::abs(wanted));
  }
  return out;
}

int32_t PositionsNeeded(const GoldenModel& model) {
  constexpr int32_t kLargestBlock = 256;  // each sequence may leave one open
  int32_t positions = 0;
  for (const GoldenCase& golden : model.cases) {
    positions += static_cast<int32_t>(golden.AllIds().size()) + kLargestBlock;
  }
  return positions;
}

absl::StatusOr<ModeResult> RunMode(ModelRunner& runner,
                                   const GoldenModel& model, Mode mode) {
  ModeResult result;
  std::vector<Stream> streams = MakeStreams(model, mode);
  BlockDealer dealer(runner.info().block_count);
  if (mode == Mode::kBatched) {
    std::vector<Stream*> all;
    for (Stream& stream : streams) all.push_back(&stream);
    RETURN_IF_ERROR(RunTogether(runner, mode, all, dealer, result));
  } else {
    for (Stream& stream : streams) {
      RETURN_IF_ERROR(RunTogether(runner, mode, {&stream}, dealer, result));
    }
  }
  for (const Stream& stream : streams) result.cases.push_back(stream.result);
  return result;
}

int32_t ArgMax(absl::Span<const float> values) {
  return static_cast<int32_t>(std::max_element(values.begin(), values.end()) -
                              values.begin());
}

}  // namespace sluice::parity
