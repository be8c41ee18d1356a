#include "common/modelfiles/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

JsonDocument MustParse(std::string_view text) {
  absl::StatusOr<JsonDocument> document =
      JsonDocument::Parse(text, "config.json", {});
  EXPECT_TRUE(document.ok()) << document.status();
  return *std::move(document);
}

std::string ErrorOf(std::string_view text, const JsonLimits& limits = {}) {
  absl::StatusOr<JsonDocument> document =
      JsonDocument::Parse(text, "config.json", limits);
  EXPECT_EQ(document.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(document.status().message());
}

TEST(Json, ReadsEveryKind) {
  JsonDocument document = MustParse(
      R"({"i":-3,"d":0.5,"b":true,"n":null,"s":"é\u0000x","a":[1,2],"o":{}})");
  JsonValue root = document.root();
  EXPECT_EQ(*root.GetInt("i", -5, 5), -3);
  EXPECT_EQ(*root.GetDouble("d"), 0.5);
  EXPECT_EQ(*root.GetDouble("i"), -3.0);
  EXPECT_EQ(*root.GetBool("b"), true);
  EXPECT_FALSE(root.Find("n").has_value());
  EXPECT_EQ(*root.GetString("s"), std::string_view("é\0x", 4));
  EXPECT_THAT(*root.Get("a")->AsInts(0, 9), ElementsAre(1, 2));
  EXPECT_EQ(root.Get("o")->kind(), JsonKind::kObject);
  EXPECT_EQ(*root.Size(), 7u);
}

TEST(Json, ErrorsNameFileFieldGotAndLimit) {
  JsonDocument document =
      MustParse(R"({"rope":{"factor":"x"},"layers":99,"ids":[1,true]})");
  JsonValue root = document.root();
  EXPECT_EQ(root.Get("rope")->GetDouble("factor").status().message(),
            "config.json: rope.factor: must be a number, got \"x\"");
  EXPECT_EQ(root.GetInt("layers", 1, 64).status().message(),
            "config.json: layers: out of range, got 99, limit 1 to 64");
  EXPECT_EQ(root.GetInt("heads", 1, 64).status().message(),
            "config.json: heads: missing");
  EXPECT_EQ(root.Get("ids")->AsInts(0, 9).status().message(),
            "config.json: ids[1]: must be a whole number, got true");
  EXPECT_EQ(root.Get("ids")->Get("x").status().message(),
            "config.json: ids: must be an object, got an array");
}

TEST(Json, DefaultsStandInForAbsentAndNullOnly) {
  JsonDocument document = MustParse(R"({"a":null,"b":"text","c":7})");
  JsonValue root = document.root();
  EXPECT_EQ(*root.GetIntOr("a", 5, 0, 9), 5);
  EXPECT_EQ(*root.GetIntOr("none", 6, 0, 9), 6);
  EXPECT_EQ(*root.GetIntOr("c", 6, 0, 9), 7);
  EXPECT_FALSE(root.GetIntOr("b", 6, 0, 9).ok());
  EXPECT_EQ(*root.GetBoolOr("none", true), true);
  EXPECT_EQ(*root.GetStringOr("none", "x"), "x");
  EXPECT_EQ(*root.GetDoubleOr("none", 2.5), 2.5);
}

TEST(Json, RefusesTheSameKeyTwiceAtAnyDepth) {
  EXPECT_EQ(ErrorOf(R"({"a":[{"k":1,"x":2,"k":3}]})"),
            "config.json: a[0].k: the key is there twice");
}

TEST(Json, RefusesWhatIsNotJson) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("empty"));
  EXPECT_THAT(ErrorOf("{\"a\":1"), HasSubstr("not JSON"));
  EXPECT_THAT(ErrorOf("{\"a\":NaN}"), HasSubstr("not JSON"));
  EXPECT_THAT(ErrorOf("{\"a\":\"\xff\"}"), HasSubstr("UTF-8"));
  EXPECT_THAT(ErrorOf("{\"a\":\"\\ud800\"}"), HasSubstr("not JSON"));
  EXPECT_THAT(ErrorOf("{} x"), HasSubstr("not JSON"));
}

TEST(Json, HoldsItsLimits) {
  EXPECT_EQ(ErrorOf("[1,2,3,4]", {.max_bytes = 8}),
            "config.json: too long, got 9 bytes, limit 8");
  EXPECT_THAT(ErrorOf(std::string(100, '[') + std::string(100, ']')),
              HasSubstr("nested too deeply, limit 64"));
  EXPECT_THAT(ErrorOf(std::string(1'000'000, '[')), HasSubstr("config.json"));
}

TEST(Json, WholeNumbersPastSixtyFourBitsAreDoubles) {
  JsonDocument document = MustParse(
      R"({"s":"12345678901234567890123456789","m":1000000000000000019884624838656,"u":18446744073709551615,"e":1e30,"n":-99999999999999999999999,"d":0.1234567890123456789012})");
  JsonValue root = document.root();
  EXPECT_EQ(*root.GetString("s"), "12345678901234567890123456789");
  EXPECT_EQ(*root.GetDouble("m"), 1e30);
  EXPECT_EQ(*root.GetDouble("n"), -1e23);
  EXPECT_EQ(root.Get("u")->kind(), JsonKind::kDouble);
  EXPECT_FALSE(root.GetInt("u", 0, INT64_MAX).ok());
  EXPECT_FALSE(root.GetInt("m", 0, INT64_MAX).ok());
  EXPECT_NEAR(*root.GetDouble("d"), 0.1234567890123456789, 1e-17);
}

TEST(Json, ValuesOutliveAMoveOfTheDocument) {
  JsonDocument first = MustParse(R"({"k":"v"})");
  JsonValue root = first.root();
  JsonDocument second = std::move(first);
  EXPECT_EQ(*root.GetString("k"), "v");
  EXPECT_EQ(*second.root().GetString("k"), "v");
}

TEST(Json, AMissingFileIsNotFound) {
  absl::Status status =
      JsonDocument::ReadFile(::testing::TempDir() + "/none.json", {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("none.json"));
  status = JsonDocument::ReadFile(::testing::TempDir(), {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sluice
