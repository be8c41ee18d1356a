// Published chat templates and Jinja's own behaviour, rendered elsewhere by
// Jinja2 3.1.6 in the environment of transformers (testdata README).

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "services/tokenizer/chat/jinja/json.h"
#include "services/tokenizer/chat/jinja/template.h"

namespace sluice::tokenizer::jinja {
namespace {

using Json = nlohmann::ordered_json;

class GoldenTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* root = std::getenv("SLUICE_TESTDATA");
    if (root == nullptr) GTEST_SKIP() << "SLUICE_TESTDATA is not set";
    folder_ = std::string(root) + "/tokenizers/chat-templates/";
    if (!std::ifstream(folder_ + "jinja2-goldens.json").good()) {
      GTEST_SKIP() << "SLUICE_TESTDATA has no tokenizers/chat-templates";
    }
  }

  std::string Read(const std::string& name) const {
    std::ifstream file(folder_ + name, std::ios::binary);
    EXPECT_TRUE(file.good()) << name;
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  // The goldens name files of this folder and of tokenizers beside it.
  std::string TemplateSource(const std::string& name) const {
    constexpr std::string_view kConfig = "tokenizer_config:";
    if (name.starts_with(kConfig)) {
      const std::string tokenizer = name.substr(kConfig.size());
      return ReadJson("../" + tokenizer +
                      "/tokenizer_config.json")["chat_template"];
    }
    if (name == "youtu-llm-2b.jinja") {
      return Read("../youtu-llm-2b/chat_template.jinja");
    }
    return Read(name);
  }

  Json ReadJson(const std::string& name) const {
    return Json::parse(Read(name));
  }

  std::string folder_;
};

Context ContextOf(const Json& variables) {
  Context context;
  for (const auto& [name, value] : variables.items()) {
    absl::StatusOr<Value> parsed = ParseJson(value.dump(), {.max_depth = 60});
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    context.emplace_back(name, *std::move(parsed));
  }
  return context;
}

absl::StatusOr<std::string> Render(const std::string& source,
                                   const Json& variables,
                                   const TemplateOptions& options) {
  auto parsed = Template::Parse(source, options);
  if (!parsed.ok()) return parsed.status();
  absl::StatusOr<Text> text = (*parsed)->Render(ContextOf(variables));
  if (!text.ok()) return text.status();
  return text->bytes();
}

TemplateOptions At(CivilTime time) {
  TemplateOptions options;
  options.environment.local_time = [time] { return time; };
  return options;
}

TEST_F(GoldenTest, PublishedTemplatesRenderAsInJinja2) {
  const TemplateOptions options = At({2025, 7, 26, 12, 34, 56});
  const Json goldens = ReadJson("jinja2-goldens.json");
  int cases = 0;
  int errors = 0;
  for (const auto& [file, golden] : goldens["templates"].items()) {
    const std::string source = TemplateSource(file);
    for (const auto& [name, result] : golden["results"].items()) {
      Json variables = goldens["contexts"][name];
      variables["bos_token"] = golden["bos_token"];
      variables["eos_token"] = golden["eos_token"];
      const auto text = Render(source, variables, options);
      ++cases;
      if (result.contains("out")) {
        EXPECT_TRUE(text.ok()) << file << " " << name << " " << text.status();
        EXPECT_EQ(text.value_or(""), result["out"].get<std::string>())
            << file << " " << name;
      } else {
        ++errors;
        EXPECT_FALSE(text.ok())
            << file << " " << name << " should fail: " << result["error"];
        EXPECT_EQ(text.status().code(), absl::StatusCode::kInvalidArgument);
      }
    }
  }
  std::cout << "jinja2-goldens: " << cases << " cases, " << errors
            << " of them errors\n";
  EXPECT_EQ(cases, 64 * 16);
  EXPECT_EQ(errors, 99);
}

TEST_F(GoldenTest, WholeChatsOfHuggingFaceJsRenderAsInJinja2) {
  const TemplateOptions options = At({2025, 7, 10, 12, 0, 0});
  int cases = 0;
  const Json goldens = ReadJson("hfjs-e2e-goldens.json");
  for (const Json& golden : goldens["cases"]) {
    const auto text = Render(golden["chat_template"], golden["data"], options);
    ++cases;
    if (golden.contains("jinja2")) {
      EXPECT_TRUE(text.ok()) << golden["name"] << text.status();
      EXPECT_EQ(text.value_or(""), golden["jinja2"].get<std::string>())
          << golden["name"];
    } else {
      EXPECT_FALSE(text.ok()) << golden["name"];
    }
  }
  std::cout << "hfjs-e2e-goldens: " << cases << " cases\n";
  EXPECT_EQ(cases, 53);
}

TEST_F(GoldenTest, UnitCasesOfHuggingFaceJsRenderAsInJinja2) {
  TemplateOptions options;
  options.lexer = {.trim_blocks = false, .lstrip_blocks = false};
  int cases = 0;
  const Json goldens = ReadJson("jinja-unit-goldens.json");
  for (const Json& golden : goldens["cases"]) {
    const auto text = Render(golden["template"], golden["context"], options);
    ++cases;
    if (golden.contains("jinja2")) {
      EXPECT_TRUE(text.ok()) << golden["name"] << text.status();
      EXPECT_EQ(text.value_or(""), golden["jinja2"].get<std::string>())
          << golden["name"];
    } else {
      EXPECT_FALSE(text.ok()) << golden["name"];
    }
  }
  std::cout << "jinja-unit-goldens: " << cases << " cases\n";
  EXPECT_EQ(cases, 157);
}

}  // namespace
}  // namespace sluice::tokenizer::jinja
