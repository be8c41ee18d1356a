#include "services/gateway/http/json_body.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::gateway {
namespace {

std::string MessageOf(std::string_view text) {
  return std::string(ParseJson(text).status().message());
}

std::string Nested(int depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

TEST(ParseJson, ValueIsWhatTheLibraryWouldParse) {
  const std::string text =
      R"({"a":[1,-2,1.5,"x\u4f60",true,null,{"b":[]}],"c":18446744073709551615})";
  const auto parsed = ParseJson(text);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(*parsed, nlohmann::json::parse(text));
  EXPECT_TRUE((*parsed)["c"].is_number_unsigned());
}

TEST(ParseJson, ScalarsAreValues) {
  EXPECT_EQ(*ParseJson("5"), 5);
  EXPECT_EQ(*ParseJson("\"s\""), "s");
}

TEST(ParseJson, DepthIsBounded) {
  EXPECT_TRUE(ParseJson(Nested(kMaxJsonDepth)).ok());
  EXPECT_EQ(MessageOf(Nested(kMaxJsonDepth + 1)),
            "body: is nested too deeply, got 33, limit 32");
  EXPECT_FALSE(ParseJson(std::string(1'000'000, '[')).ok());
}

TEST(ParseJson, KeyTwiceIsRefused) {
  EXPECT_EQ(MessageOf(R"({"a":1,"b":{"a":1},"a":2})"),
            "body: has a key twice, got \"a\", limit each key once");
}

TEST(ParseJson, BrokenTextIsRefused) {
  for (const char* text :
       {"", "{", "[1,]", "{\"a\":1,}", "NaN", "{\"a\":Infinity}", "1 2",
        "{\"a\":\"\\ud800\"}", "'a'", "// c\n1", "[1e999]", "\"\x01\""}) {
    EXPECT_EQ(ParseJson(text).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
  EXPECT_EQ(MessageOf("{\"a\":\"\xff\"}"),
            "body: is not valid UTF-8 at byte 6");
  EXPECT_NE(MessageOf("[1e999]").find("number out of range"),
            std::string::npos);
}

TEST(ParseJsonBody, ContentTypeMustBeJson) {
  bool unsupported = false;
  HttpRequest request;
  request.body = "{}";
  EXPECT_FALSE(ParseJsonBody(request, unsupported).ok());
  EXPECT_TRUE(unsupported);
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  EXPECT_FALSE(ParseJsonBody(request, unsupported).ok());
  EXPECT_TRUE(unsupported);
  request.headers = {{"content-type", "Application/JSON; charset=utf-8"}};
  EXPECT_TRUE(ParseJsonBody(request, unsupported).ok());
  EXPECT_FALSE(unsupported);
  request.body = "[]";
  EXPECT_FALSE(ParseJsonBody(request, unsupported).ok());
  EXPECT_FALSE(unsupported);
}

}  // namespace
}  // namespace sluice::gateway
