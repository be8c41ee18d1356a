#include "services/gateway/clients/params_proto.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace sluice::gateway {
namespace {

TEST(ParamsProto, EveryFieldSurvivesBothWays) {
  api::SamplingParams params;
  params.temperature = 0.7;
  params.top_k = 40;
  params.top_p = 0.95;
  params.repetition_penalty = 1.1;
  params.seed = std::numeric_limits<uint64_t>::max();
  params.max_new_tokens = 128;
  params.min_new_tokens = 0;
  params.stop = {"a", "b"};
  params.stop_token_ids = {1, 2};
  params.ignore_eos = false;
  params.do_sample = true;
  const api::SamplingParams back = FromProto(ToProto(params));
  EXPECT_EQ(back.temperature, 0.7);
  EXPECT_EQ(back.top_k, 40);
  EXPECT_EQ(back.top_p, 0.95);
  EXPECT_EQ(back.repetition_penalty, 1.1);
  EXPECT_EQ(back.seed, params.seed);
  EXPECT_EQ(back.max_new_tokens, 128);
  EXPECT_EQ(back.min_new_tokens, 0);
  EXPECT_EQ(back.stop, params.stop);
  EXPECT_EQ(back.stop_token_ids, params.stop_token_ids);
  EXPECT_EQ(back.ignore_eos, false);
  EXPECT_EQ(back.do_sample, true);
}

TEST(ParamsProto, AbsentStaysAbsentBothWays) {
  const generator::v1::SamplingParams proto = ToProto({});
  EXPECT_EQ(proto.ByteSizeLong(), 0u);
  const api::SamplingParams back = FromProto(proto);
  EXPECT_FALSE(back.temperature || back.top_k || back.top_p || back.seed ||
               back.repetition_penalty || back.max_new_tokens ||
               back.min_new_tokens || back.ignore_eos || back.do_sample);
}

TEST(ParamsProto, FloatsBecomeTheDecimalThatWasMeant) {
  EXPECT_EQ(ShortestDouble(0.1f), 0.1);
  EXPECT_EQ(ShortestDouble(1.3f), 1.3);
  EXPECT_EQ(ShortestDouble(-0.0f), 0.0);
  EXPECT_TRUE(std::isnan(ShortestDouble(std::nanf(""))));
  EXPECT_TRUE(std::isinf(ShortestDouble(HUGE_VALF)));
}

}  // namespace
}  // namespace sluice::gateway
