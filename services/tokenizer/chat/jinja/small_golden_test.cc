// Expressions and statements of our own, rendered by Jinja2 3.1.6 in the
// environment of transformers (tests/golden/chat/make_goldens.py).

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "services/tokenizer/chat/jinja/json.h"
#include "services/tokenizer/chat/jinja/template.h"

namespace sluice::tokenizer::jinja {
namespace {

using Json = nlohmann::ordered_json;

TEST(SmallGoldenTest, ExpressionsAndStatementsMeanWhatTheyMeanToJinja) {
  std::ifstream file(SLUICE_GOLDEN_DIRECTORY "/goldens.json");
  const Json goldens = Json::parse(file);
  TemplateOptions options;
  options.environment.local_time = [] {
    return CivilTime{2025, 7, 26, 12, 34, 56};
  };
  int texts = 0;
  int errors = 0;
  for (const Json& golden : goldens["cases"]) {
    const std::string source = golden[0];
    // Made anew each time: what one case walks through is used up.
    Context context;
    for (const auto& [name, value] : goldens["context"].items()) {
      context.emplace_back(name, *ParseJson(value.dump(), {}));
    }
    const auto parsed = Template::Parse(source, options);
    const absl::StatusOr<Text> text =
        parsed.ok() ? (*parsed)->Render(context) : parsed.status();
    if (golden[1].is_null()) {
      EXPECT_FALSE(text.ok()) << source << " -> " << text->bytes();
      ++errors;
      continue;
    }
    ASSERT_TRUE(text.ok()) << source << ": " << text.status();
    EXPECT_EQ(text->bytes(), golden[1].get<std::string>()) << source;
    ++texts;
  }
  EXPECT_GE(texts, 580);
  EXPECT_GE(errors, 80);
}

}  // namespace
}  // namespace sluice::tokenizer::jinja
