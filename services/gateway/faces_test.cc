// The same request, written as JSON and as a message, gets the same verdict.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

#include "common/base/error_info.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "services/gateway/api/validator.h"
#include "services/gateway/grpc/messages.h"
#include "services/gateway/http/native_request.h"

namespace sluice::gateway {
namespace {

using Json = nlohmann::json;
using Params = generator::v1::SamplingParams;

struct Verdict {
  absl::StatusCode code = absl::StatusCode::kOk;
  std::string field;  // without "params."

  bool operator==(const Verdict&) const = default;
};

Verdict VerdictOf(const absl::StatusOr<api::ChatRequest>& request) {
  const absl::Status status =
      request.ok() ? api::Validate(*request) : request.status();
  std::string field = FieldOf(status).value_or("");
  if (field.rfind("params.", 0) == 0) field.erase(0, 7);
  return {status.code(), field};
}

Verdict OverHttp(const Json& more) {
  Json body = {{"messages", {{{"role", "user"}, {"content", "hi"}}}}};
  body.update(more);
  return VerdictOf(ParseNativeChat(body));
}

grpc::ByteBuffer Bytes(const v1::ChatRequest& message) {
  grpc::ByteBuffer bytes;
  bool own_buffer = false;
  const grpc::Status status =
      grpc::SerializationTraits<v1::ChatRequest>::Serialize(message, &bytes,
                                                            &own_buffer);
  EXPECT_TRUE(status.ok());
  return bytes;
}

Verdict OverGrpc(const v1::ChatRequest& message) {
  return VerdictOf(ParseChat(Bytes(message)));
}

v1::ChatRequest Hello() {
  v1::ChatRequest message;
  message.add_messages()->set_role("user");
  message.mutable_messages(0)->set_content("hi");
  return message;
}

Verdict OverGrpc(const std::function<void(Params&)>& change) {
  v1::ChatRequest message = Hello();
  change(*message.mutable_params());
  return OverGrpc(message);
}

template <typename Value>
void ExpectEqual(const char* field, const std::vector<Value>& values,
                 void (Params::*set)(Value)) {
  for (const Value value : values) {
    const Verdict http = OverHttp({{field, value}});
    const Verdict grpc =
        OverGrpc([&](Params& params) { (params.*set)(value); });
    EXPECT_EQ(http.code, grpc.code) << field << " " << value;
    EXPECT_EQ(http.field, grpc.field) << field << " " << value;
    if (http.code != absl::StatusCode::kOk) {
      EXPECT_EQ(http.field, field) << value;
    }
  }
}

TEST(Faces, RealParametersGetEqualVerdicts) {
  constexpr float kLeast = std::numeric_limits<float>::denorm_min();
  constexpr float kMost = std::numeric_limits<float>::max();
  const std::vector<float> values = {-kMost,
                                     -1,
                                     -kLeast,
                                     -0.0f,
                                     0,
                                     kLeast,
                                     0.5f,
                                     1,
                                     std::nextafterf(1, 2),
                                     2,
                                     99.9f,
                                     100,
                                     std::nextafterf(100, 101),
                                     kMost};
  ExpectEqual("temperature", values, &Params::set_temperature);
  ExpectEqual("top_p", values, &Params::set_top_p);
  ExpectEqual("repetition_penalty", values, &Params::set_repetition_penalty);
}

TEST(Faces, IntegerParametersGetEqualVerdicts) {
  constexpr int32_t kLeast = std::numeric_limits<int32_t>::min();
  constexpr int32_t kMost = std::numeric_limits<int32_t>::max();
  const std::vector<int32_t> values = {kLeast, -2, -1, 0, 1, 50, kMost};
  ExpectEqual("top_k", values, &Params::set_top_k);
  ExpectEqual("max_new_tokens", values, &Params::set_max_new_tokens);
  ExpectEqual("min_new_tokens", values, &Params::set_min_new_tokens);
  ExpectEqual("seed",
              std::vector<uint64_t>{0, 1, std::numeric_limits<uint64_t>::max()},
              &Params::set_seed);
}

TEST(Faces, WaitsGetEqualVerdicts) {
  for (const int32_t value : {-1, 0, 1, 86'400'000, 86'400'001}) {
    v1::ChatRequest message = Hello();
    message.set_queue_timeout_ms(value);
    const Verdict http = OverHttp({{"queue_timeout_ms", value}});
    EXPECT_EQ(http, OverGrpc(message)) << value;
    EXPECT_EQ(http.code == absl::StatusCode::kOk,
              value >= 1 && value <= 86'400'000)
        << value;
    message = Hello();
    message.set_first_token_timeout_ms(value);
    EXPECT_EQ(OverHttp({{"first_token_timeout_ms", value}}), OverGrpc(message))
        << value;
  }
}

TEST(Faces, HandlingMeansTheSameOnBoth) {
  const auto http = ParseNativeChat({{"prompt", "hi"},
                                     {"bypass_prefix_cache", true},
                                     {"queue_timeout_ms", 5},
                                     {"first_token_timeout_ms", 6}});
  v1::ChatRequest message = Hello();
  message.set_bypass_prefix_cache(true);
  message.set_queue_timeout_ms(5);
  message.set_first_token_timeout_ms(6);
  const auto grpc = ParseChat(Bytes(message));
  for (const auto* request : {&http, &grpc}) {
    ASSERT_TRUE(request->ok()) << request->status();
    const api::RequestOptions& options = (*request)->options;
    EXPECT_TRUE(options.bypass_prefix_cache);
    EXPECT_EQ(options.queue_timeout_ms, 5);
    EXPECT_EQ(options.first_token_timeout_ms, 6);
    EXPECT_EQ(options.tenant, "");
  }
}

TEST(Faces, NoFieldNamesATenant) {
  EXPECT_EQ(OverHttp({{"tenant", "acme"}}),
            (Verdict{absl::StatusCode::kInvalidArgument, "tenant"}));
  EXPECT_EQ(v1::ChatRequest::descriptor()->FindFieldByName("tenant"), nullptr);
}

TEST(Faces, StopsGetEqualVerdicts) {
  const std::vector<std::vector<std::string>> rows = {
      {},
      {"a"},
      {""},
      {"a", ""},
      {std::string(128, 'x')},
      {std::string(129, 'x')},
      std::vector<std::string>(16, "s"),
      std::vector<std::string>(17, "s")};
  for (const auto& row : rows) {
    EXPECT_EQ(OverHttp({{"stop", row}}), OverGrpc([&](Params& params) {
                params.mutable_stop()->Add(row.begin(), row.end());
              }))
        << row.size();
  }
  const std::vector<std::vector<int32_t>> id_rows = {
      {0},
      {-1},
      {1, -1},
      std::vector<int32_t>(64, 1),
      std::vector<int32_t>(65, 1),
      {std::numeric_limits<int32_t>::max()}};
  for (const auto& row : id_rows) {
    EXPECT_EQ(OverHttp({{"stop_token_ids", row}}),
              OverGrpc([&](Params& params) {
                params.mutable_stop_token_ids()->Add(row.begin(), row.end());
              }))
        << row.size();
  }
}

TEST(Faces, MessagesAndNamesGetEqualVerdicts) {
  const auto chat = [](size_t count, const std::string& role,
                       const std::string& content) {
    Json json = Json::array();
    v1::ChatRequest message;
    for (size_t i = 0; i < count; ++i) {
      json.push_back({{"role", role}, {"content", content}});
      message.add_messages()->set_role(role);
      message.mutable_messages(static_cast<int>(i))->set_content(content);
    }
    EXPECT_EQ(OverHttp({{"messages", json}}), OverGrpc(message))
        << count << role;
  };
  for (const size_t count : {0, 1, 1024, 1025}) chat(count, "user", "a");
  for (const char* role : {"system", "assistant", "tool", "User", ""}) {
    chat(1, role, "a");
  }
  chat(1, "user", "");
  chat(1, "assistant", "");
  for (const std::string name : {"", "x", "../x", "a\nb", "\x7f", "\xc3\xa9"}) {
    v1::ChatRequest message = Hello();
    message.set_model(name);
    EXPECT_EQ(OverHttp({{"model", name}}), OverGrpc(message)) << name;
    message = Hello();
    message.set_request_id(name);
    EXPECT_EQ(OverHttp({{"request_id", name}}), OverGrpc(message)) << name;
  }
  for (const size_t length : {128, 129, 256, 257}) {
    const std::string name(length, 'n');
    v1::ChatRequest message = Hello();
    message.set_preset(name);
    EXPECT_EQ(OverHttp({{"preset", name}}), OverGrpc(message)) << length;
    message = Hello();
    message.set_request_id(name);
    EXPECT_EQ(OverHttp({{"request_id", name}}), OverGrpc(message)) << length;
  }
}

}  // namespace
}  // namespace sluice::gateway
