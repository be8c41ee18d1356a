#include "services/gateway/parsing/json_object_scanner.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "services/gateway/parsing/call_fields.h"

namespace sluice::gateway {
namespace {

using Step = JsonObjectScanner::Step;

// "done N" or "bad N": behind how many bytes the scanner stopped; "more".
std::string Scan(std::string_view text, int max_depth = 32) {
  JsonObjectScanner scanner(max_depth);
  for (size_t i = 0; i < text.size(); ++i) {
    const Step step = scanner.Push(text[i]);
    if (step == Step::kDone) return "done " + std::to_string(i + 1);
    if (step == Step::kBad) return "bad " + std::to_string(i);
  }
  return "more";
}

TEST(JsonObjectScannerTest, ObjectsEndAtTheirLastBrace) {
  for (std::string_view object :
       {R"({})", R"( { } )", R"({"a":1})", R"({"a":[]})", R"({"a":{"b":[{}]}})",
        R"({"a":-0.5e+10,"b":0,"c":1E5,"d":120,"e":-1.0})",
        R"({"a":true,"b":false,"c":null})", R"({"}":"{\"\\\/\b\f\n\r\t"})",
        R"({"\u00e9\uD83D\uDE00":"é😀"})", R"({"a":[1,"x",[2],null]})"}) {
    const size_t size = object.find_last_not_of(' ') + 1;
    EXPECT_EQ(Scan(object), "done " + std::to_string(size)) << object;
    EXPECT_EQ(Scan(object.substr(0, size - 1)), "more") << object;
  }
}

TEST(JsonObjectScannerTest, TheFirstByteThatNoObjectGoesOnWithIsBad) {
  const std::pair<std::string_view, size_t> kCases[] = {
      {R"([1])", 0},
      {R"("a")", 0},
      {R"({a:1})", 1},
      {R"({"a" 1})", 5},
      {R"({"a":})", 5},
      {R"({"a":1,})", 7},
      {R"({"a":01})", 6},
      {R"({"a":-})", 6},
      {R"({"a":1.})", 7},
      {R"({"a":1.5e})", 9},
      {R"({"a":1e+})", 8},
      {R"({"a":+1})", 5},
      {R"({"a":.5})", 5},
      {R"({"a":truE})", 8},
      {R"({"a":nul})", 8},
      {R"({"a":NaN})", 5},
      {R"({"a":[1,]})", 8},
      {R"({"a":[1}})", 7},
      {R"({"a":{]})", 6},
      {R"({"a":"\x"})", 7},
      {R"({"a":"\u12g4"})", 10},
      {"{\"a\":\"\n\"}", 6},
      {"{\"a\":\"\x01\"}", 6},
      {R"({'a':1})", 1},
      {R"({"a":1 "b":2})", 7},
      {R"({,})", 1},
      {R"({"a":1]})", 6},
      {R"({"a":1.e5})", 7},
      {R"({"a":tru)"
       "\xc3\xa9",
       8}};
  for (const auto& [text, at] : kCases) {
    EXPECT_EQ(Scan(text), "bad " + std::to_string(at)) << text;
  }
}

TEST(JsonObjectScannerTest, DepthHasALimit) {
  EXPECT_EQ(Scan(R"({"a":[[1]]})", 3), "done 11");
  EXPECT_EQ(Scan(R"({"a":[[1]]})", 2), "bad 6");
  std::string deep = R"({"a":)" + std::string(63, '[');
  EXPECT_EQ(Scan(deep, 64), "more");
  EXPECT_EQ(Scan(deep + "[", 64), "bad " + std::to_string(deep.size()));
}

TEST(JsonObjectScannerTest, OutermostMembersHaveALimit) {
  std::string text = "{";
  for (int i = 0; i < 16; ++i) {
    text += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":{\"x\":1}";
  }
  EXPECT_EQ(Scan(text + "}"), "done " + std::to_string(text.size() + 1));
  EXPECT_EQ(Scan(text + ",\""), "bad " + std::to_string(text.size() + 1));
}

TEST(JsonObjectScannerTest, MembersOfTheOutermostObjectLieWhereTheyAre) {
  const std::string_view text =
      R"( {"a" : 12 , "b":{"c":[3]},"d":"x","e":null})";
  JsonObjectScanner scanner(32);
  for (char c : text) ASSERT_NE(scanner.Push(c), Step::kBad);
  std::string seen;
  for (const auto& m : scanner.members()) {
    seen +=
        std::string(text.substr(m.key_begin, m.key_end - m.key_begin)) + "=" +
        std::string(text.substr(m.value_begin, m.value_end - m.value_begin)) +
        ";";
  }
  EXPECT_EQ(seen, R"("a"=12;"b"={"c":[3]};"d"="x";"e"=null;)");
}

TEST(UnquoteJsonTest, EscapesBecomeWhatTheyStandFor) {
  EXPECT_EQ(UnquoteJson(R"("")"), "");
  EXPECT_EQ(UnquoteJson(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(UnquoteJson(R"("A\u0041\u00e9\u4F60\ud83d\ude00é")"), "AAé你😀é");
}

TEST(UnquoteJsonTest, HalfASurrogatePairIsNoText) {
  for (std::string_view quoted :
       {R"("\ud83d")", R"("\ude00")", R"("\ud83dx")", R"("\ud83d\n")",
        R"("\ud83d\u0041")", R"("\ude00\ud83d")"}) {
    EXPECT_EQ(UnquoteJson(quoted), std::nullopt) << quoted;
  }
}

}  // namespace
}  // namespace sluice::gateway
