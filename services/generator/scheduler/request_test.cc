#include "services/generator/scheduler/request.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/error_info.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::generator {
namespace {

using ::testing::HasSubstr;

RequestLimits Limits() {
  RequestLimits limits;
  limits.context_length = 10;
  limits.vocabulary_size = 5;
  limits.eos_ids = {4, 9};
  return limits;
}

RequestFields Fields() {
  RequestFields fields;
  fields.request_id = "r";
  fields.prompt_ids = {1, 2, 3};
  return fields;
}

TEST(RequestTest, ValidFieldsMakeARequest) {
  RequestFields fields = Fields();
  fields.n = 2;
  fields.drawn_seed = 5;
  fields.resumed = {{1, {2, 2}}};
  const auto request = Request::Create(fields, Limits());
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->params().max_new_tokens, 7);
  EXPECT_EQ(request->params().seed, 5u);
  EXPECT_EQ(request->max_positions(), 10);
  EXPECT_EQ(request->cost_tokens(), 20);
  EXPECT_TRUE(request->resumed(0).empty());
  EXPECT_EQ(request->resumed(1), (std::vector<int32_t>{2, 2}));
  // An eos id past the logits can never be sampled.
  EXPECT_EQ(request->eos_ids(), (std::vector<int32_t>{4}));
}

TEST(RequestTest, PromptMayFillAllButOnePositionOfTheContext) {
  RequestFields fields = Fields();
  fields.prompt_ids.assign(9, 1);
  EXPECT_TRUE(Request::Create(fields, Limits()).ok());
  fields.prompt_ids.assign(10, 1);
  const auto request = Request::Create(fields, Limits());
  EXPECT_EQ(request.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(request.status().message()),
              HasSubstr("prompt_ids: too long for the context, got 10 tokens, "
                        "limit 9 tokens"));
  EXPECT_EQ(ReasonOf(request.status()),
            std::string(kReasonContextLengthExceeded));
}

TEST(RequestTest, BadFieldsAreRefusedByName) {
  const std::vector<std::pair<std::string, std::function<void(RequestFields&)>>>
      cases = {
          {"request_id", [](auto& f) { f.request_id = ""; }},
          {"request_id: length out of range, got 129 bytes",
           [](auto& f) { f.request_id.assign(129, 'x'); }},
          {"attempt", [](auto& f) { f.attempt = 0; }},
          {"tenant", [](auto& f) { f.tenant.assign(129, 'x'); }},
          {"n: out of range, got 9, limit 1 to 8", [](auto& f) { f.n = 9; }},
          {"n", [](auto& f) { f.n = 0; }},
          {"prompt_ids: empty", [](auto& f) { f.prompt_ids.clear(); }},
          {"prompt_ids[1]: no such id, got 5, limit 0 to 4",
           [](auto& f) { f.prompt_ids[1] = 5; }},
          {"prompt_ids[0]", [](auto& f) { f.prompt_ids[0] = -1; }},
          {"public_prefix_tokens: out of range, got 4, limit 0 to 3",
           [](auto& f) { f.public_prefix_tokens = 4; }},
          {"public_prefix_tokens: out of range, got -1",
           [](auto& f) { f.public_prefix_tokens = -1; }},
          {"queue_timeout_ms: out of range, got 0, limit 1 to 86400000",
           [](auto& f) { f.queue_timeout_ms = 0; }},
          {"first_token_timeout_ms: out of range, got 86400001",
           [](auto& f) { f.first_token_timeout_ms = 86'400'001; }},
          {"params.top_p", [](auto& f) { f.params.top_p = 2.0f; }},
          {"resumed[0].index: no such sequence, got 1",
           [](auto& f) {
             f.resumed = {{1, {1}}};
           }},
          {"resumed[1].index: given twice",
           [](auto& f) {
             f.resumed = {{0, {1}}, {0, {1}}};
           }},
          {"resumed[0].ids: more than max_new_tokens, got 8 ids, limit 7 ids",
           [](auto& f) {
             f.resumed = {{0, std::vector<int32_t>(8, 1)}};
           }},
          {"resumed[0].ids[1]: no such id",
           [](auto& f) {
             f.resumed = {{0, {1, 7}}};
           }},
      };
  for (const auto& [message, spoil] : cases) {
    RequestFields fields = Fields();
    spoil(fields);
    const auto request = Request::Create(fields, Limits());
    EXPECT_EQ(request.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(request.status().message()), HasSubstr(message));
  }
}

}  // namespace
}  // namespace sluice::generator
