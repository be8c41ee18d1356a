#include "services/generator/runner/attention_plan.h"

#include <algorithm>

#include "services/generator/kernels/attention.h"

namespace sluice::generator {
namespace {

// Tasks per thread that a large one is cut for.
constexpr int64_t kTasksPerThread = 4;

// Vectors of a task of several rows: many share the loads of keys and values,
// few keep all threads busy. The kernels take six or four at a time.
constexpr int32_t kVectorsPerTask[] = {24, 12, 6};

int32_t LengthOf(const AttentionRows& rows) {
  return rows.first_position + rows.rows;
}

// Positions that vectors meet.
int64_t RowsWork(const AttentionRows& rows, int64_t vectors) {
  return vectors * LengthOf(rows);
}

class Planner {
 public:
  Planner(absl::Span<const AttentionRows> sequences,
          const AttentionShape& shape, AttentionPlan& plan)
      : sequences_(sequences), shape_(shape), plan_(plan) {
    int64_t work = 0;
    for (const AttentionRows& rows : sequences) {
      work += RowsWork(rows, int64_t{rows.rows} * shape.group * shape.kv_heads);
    }
    enough_ = work / (shape.threads * kTasksPerThread);
  }

  void Plan() {
    plan_.tasks.clear();
    plan_.cut_heads = 0;
    for (size_t s = 0; s < sequences_.size(); ++s) {
      AttentionTask task;
      task.sequence = static_cast<int32_t>(s);
      if (sequences_[s].rows == 1) {
        AddRow(task);
      } else {
        AddRows(task);
      }
    }
    std::stable_sort(plan_.tasks.begin(), plan_.tasks.end(),
                     [this](const AttentionTask& a, const AttentionTask& b) {
                       return WorkOf(a) > WorkOf(b);
                     });
  }

 private:
  int64_t WorkOf(const AttentionTask& task) const {
    const int64_t vectors = task.vector_end - task.vector_begin;
    const AttentionRows& rows = sequences_[task.sequence];
    if (task.parts == 1) {
      return vectors *
             (rows.first_position + (task.vector_end - 1) / shape_.group + 1);
    }
    const int32_t begin = task.part * kernels::kAttentionPart;
    return vectors * std::min(kernels::kAttentionPart, LengthOf(rows) - begin);
  }

  void AddRow(AttentionTask task) {
    const AttentionRows& rows = sequences_[task.sequence];
    task.vector_end = shape_.group;
    const int32_t parts = kernels::AttentionParts(LengthOf(rows));
    const int64_t partials = int64_t{parts} * shape_.group * shape_.kv_heads;
    const bool cut = parts > 1 && RowsWork(rows, shape_.group) > enough_ &&
                     partials_ + partials <= shape_.max_partials;
    task.parts = cut ? parts : 1;
    for (task.kv_head = 0; task.kv_head < shape_.kv_heads; ++task.kv_head) {
      if (cut) {
        task.first_partial = partials_;
        task.cut_head = plan_.cut_heads++;
        partials_ += int64_t{parts} * shape_.group;
      }
      for (task.part = 0; task.part < task.parts; ++task.part) {
        plan_.tasks.push_back(task);
      }
    }
  }

  void AddRows(AttentionTask task) {
    const AttentionRows& rows = sequences_[task.sequence];
    const int32_t vectors = rows.rows * shape_.group;
    int32_t per_task = 0;
    for (const int32_t count : kVectorsPerTask) {
      per_task = count;
      if (RowsWork(rows, count) <= enough_) break;
    }
    for (int32_t begin = 0; begin < vectors; begin += per_task) {
      task.vector_begin = begin;
      task.vector_end = std::min(vectors, begin + per_task);
      for (task.kv_head = 0; task.kv_head < shape_.kv_heads; ++task.kv_head) {
        plan_.tasks.push_back(task);
      }
    }
  }

  absl::Span<const AttentionRows> sequences_;
  const AttentionShape& shape_;
  AttentionPlan& plan_;
  int64_t enough_ = 0;  // work of a task
  int64_t partials_ = 0;
};

}  // namespace

void PlanAttention(absl::Span<const AttentionRows> sequences,
                   const AttentionShape& shape, AttentionPlan& plan) {
  Planner(sequences, shape, plan).Plan();
}

}  // namespace sluice::generator
