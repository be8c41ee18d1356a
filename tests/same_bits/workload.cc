#include "tests/same_bits/workload.h"

#include <algorithm>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"

namespace sluice::generator {
namespace {

using Random = std::mt19937_64;

// Past the largest chunk, so that it cuts the prompt in pieces.
constexpr int32_t kLongPrompt = 513;

int32_t Draw(Random& random, int32_t low, int32_t high) {
  return low + static_cast<int32_t>(random() % (high - low + 1));
}

int32_t DrawPromptLength(int32_t i, Random& random) {
  if (i % 8 == 7) return Draw(random, kLongPrompt, kLongPrompt + 150);
  if (i % 8 == 3) return Draw(random, 100, 299);
  return Draw(random, 1, 100);
}

void AppendIds(int32_t count, int32_t vocabulary_size, Random& random,
               std::vector<int32_t>& ids) {
  for (int32_t i = 0; i < count; ++i) {
    ids.push_back(Draw(random, 0, vocabulary_size - 1));
  }
}

void DrawParams(int32_t i, Random& random, RequestFields& fields) {
  SamplingOverrides& params = fields.params;
  params.max_new_tokens = Draw(random, 8, 40);
  params.seed = random();
  params.ignore_eos = i % 5 != 4;
  if (i % 3 == 0) params.temperature = 0.0f;
  if (i % 4 == 1) params.top_p = 0.9f;
  if (i % 5 == 2) params.top_k = 20;
  if (i % 6 >= 4) params.repetition_penalty = 1.2f;
  if (i % 7 == 5) params.temperature = 0.7f;
  if (i % 4 == 2) fields.n = 1 + Draw(random, 1, 2);
}

RequestFields Branch(const RequestFields& request, int32_t vocabulary_size,
                     Random& random) {
  RequestFields branch = request;
  const auto length = static_cast<int32_t>(request.prompt_ids.size());
  branch.request_id[0] = 'b';
  branch.n = 1;
  branch.prompt_ids.resize(Draw(random, (length + 1) / 2, length - 1));
  AppendIds(Draw(random, 1, 30), vocabulary_size, random, branch.prompt_ids);
  return branch;
}

RequestFields DrawGrower(int32_t i, int32_t vocabulary_size, Random& random) {
  RequestFields grower;
  grower.request_id = absl::StrCat("g", i);
  AppendIds(Draw(random, 1, 60), vocabulary_size, random, grower.prompt_ids);
  DrawParams(i, random, grower);
  grower.params.max_new_tokens = Draw(random, 80, 140);
  grower.params.ignore_eos = true;
  return grower;
}

void Count(const RequestFields& fields, Workload& workload) {
  const auto positions = static_cast<int32_t>(fields.prompt_ids.size()) +
                         *fields.params.max_new_tokens;
  workload.longest = std::max(workload.longest, positions);
  workload.positions += int64_t{positions} * fields.n;
}

}  // namespace

Workload DrawWorkload(const WorkloadOptions& options) {
  Random random(options.seed);
  Workload workload;
  for (int32_t i = 0; i < options.requests; ++i) {
    RequestFields fields;
    fields.request_id = absl::StrCat("r", i);
    AppendIds(DrawPromptLength(i, random), options.vocabulary_size, random,
              fields.prompt_ids);
    DrawParams(i, random, fields);
    Count(fields, workload);
    if (i % 2 == 0 && fields.prompt_ids.size() >= 24) {
      workload.branches.push_back(
          Branch(fields, options.vocabulary_size, random));
      Count(workload.branches.back(), workload);
    }
    workload.requests.push_back(std::move(fields));
  }
  for (int32_t i = 0; i < options.requests / 3; ++i) {
    workload.growers.push_back(DrawGrower(i, options.vocabulary_size, random));
    const RequestFields& grower = workload.growers.back();
    Count(grower, workload);
    workload.longest_grower =
        std::max(workload.longest_grower,
                 static_cast<int32_t>(grower.prompt_ids.size()) +
                     *grower.params.max_new_tokens);
  }
  return workload;
}

std::vector<RequestFields> Again(const std::vector<RequestFields>& requests,
                                 int32_t time) {
  std::vector<RequestFields> again = requests;
  for (RequestFields& fields : again) {
    absl::StrAppend(&fields.request_id, "#", time);
  }
  return again;
}

}  // namespace sluice::generator
