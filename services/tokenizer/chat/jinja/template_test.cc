#include "services/tokenizer/chat/jinja/template.h"

#include <gtest/gtest.h>

#include "services/tokenizer/chat/jinja/json.h"

namespace sluice::tokenizer::jinja {
namespace {

absl::StatusOr<Text> RenderText(const std::string& source,
                                const Context& context = {},
                                const TemplateOptions& options = {}) {
  auto parsed = Template::Parse(source, options);
  if (!parsed.ok()) return parsed.status();
  return (*parsed)->Render(context);
}

std::string Render(const std::string& source, const Context& context = {}) {
  const absl::StatusOr<Text> text = RenderText(source, context);
  if (!text.ok()) return "ERROR " + std::string(text.status().message());
  return text->bytes();
}

Value Json(const std::string& json) { return *ParseJson(json, {}); }

// Foreign runs are put in <>, so that one string shows both.
std::string Marked(const std::string& source, const Context& context) {
  const absl::StatusOr<Text> text = RenderText(source, context);
  if (!text.ok()) return "ERROR " + std::string(text.status().message());
  std::string out;
  for (const TextRun& run : text->Runs()) {
    out += run.foreign ? "<" + std::string(run.bytes) + ">"
                       : std::string(run.bytes);
  }
  return out;
}

struct Case {
  const char* source;
  const char* output;
};

// Expected outputs were printed by Jinja2 3.1.2.
TEST(TemplateTest, PrintsValuesAsPythonDoes) {
  for (const auto& [source, output] : std::vector<Case>{
           {"{{ true }} {{ none }} {{ 1.0 }} {{ 1e22 }}",
            "True None 1.0 1e+22"},
           {"{{ ['a', 1, none] }}", "['a', 1, None]"},
           {"{{ {'a': (1,)} }}", "{'a': (1,)}"},
           {"{{ \"it's\" }} {{ [\"it's\"] }}", "it's [\"it's\"]"},
           {"{{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }}", "-4 2 3.5"},
           {"{{ 0.1 + 0.2 }} {{ 1e16 }} {{ 0.00001 }}",
            "0.30000000000000004 1e+16 1e-05"},
           {"{{ range(3) }} {{ range(9)[2:8:3] }}",
            "range(0, 3) range(2, 8, 3)"},
           {"{{ '%05.2f|%s|%-4d|' % (3.14159, 'x', 7) }}", "03.14|x|7   |"},
           {"{{ '{:>5}|{:,}|{!r}'.format('a', 1234567, 'b') }}",
            "    a|1,234,567|'b'"},
       }) {
    EXPECT_EQ(Render(source), output) << source;
  }
}

TEST(TemplateTest, StripsWhiteSpaceAroundTagsAsTransformersSetsIt) {
  for (const auto& [source, output] : std::vector<Case>{
           {"a\n  {% if true %}\nb\n  {% endif %}\nc\n", "a\nb\nc"},
           {"a\n  {{ 1 }}\nb", "a\n  1\nb"},
           {"a  {%- if true -%}  b  {%- endif -%}  c", "abc"},
           {"{# x #}\na", "a"},
           {"a\n  {%+ if true %}b{% endif +%}\nc", "a\n  b\nc"},
           {"{% raw %}{{ x }}{% endraw %}", "{{ x }}"},
           {"a\r\nb\r", "a\nb"},
       }) {
    EXPECT_EQ(Render(source), output) << source;
  }
}

TEST(TemplateTest, KeepsAssignmentsInsideLoopsAndLetsNamespacesOut) {
  EXPECT_EQ(Render("{% set x = 1 %}{% for i in [1, 2] %}{% set x = x + i %}"
                   "{{ x }}{% endfor %}{{ x }}"),
            "231");
  EXPECT_EQ(Render("{% set n = namespace(x=0) %}{% for i in [1, 2] %}"
                   "{% set n.x = n.x + i %}{% endfor %}{{ n.x }}"),
            "3");
  EXPECT_EQ(Render("{% macro m() %}{{ loop }}{% endmacro %}"
                   "{% for i in [1] %}{{ m() }}{% endfor %}"),
            "");
}

TEST(TemplateTest, ErrorsNameTheLineAndRaiseExceptionSpeaksForItself) {
  EXPECT_EQ(Render("a\n{{ x.y }}"), "ERROR line 2: 'x' is undefined");
  EXPECT_EQ(Render("\n\n{{ 1 + 'a' }}"),
            "ERROR line 3: unsupported operand type(s) for +: 'int' and 'str'");
  EXPECT_EQ(Render("{{ raise_exception('no such role') }}"),
            "ERROR no such role");
  EXPECT_EQ(Render("{% if %}"),
            "ERROR line 1: expected an expression, got '%}'");
  EXPECT_EQ(Render("{% include 'x' %}"),
            "ERROR line 1: the tag 'include' is not supported here");
  EXPECT_EQ(Render("{{ [].append(1) }}"),
            "ERROR line 1: access to attribute 'append' of 'list' object is "
            "unsafe");
}

TEST(TemplateTest, ReadsTheInjectedClock) {
  TemplateOptions options;
  options.environment.local_time = [] {
    return CivilTime{2024, 7, 26, 9, 5, 3};
  };
  const auto text = RenderText(
      "{{ strftime_now('%d %b %Y %H:%M:%S %A %f%Z') }}", {}, options);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(text->bytes(), "26 Jul 2024 09:05:03 Friday 000000");
}

TEST(TemplateTest, MarksWhatCameWithTheRequestThroughStringOperations) {
  const Context context = {{"s", Json("\"  a-B-c  \"")},
                           {"t", Value::Literal("</s>")},
                           {"d", Json(R"({"k": ["v", 1]})")}};
  for (const auto& [source, output] : std::vector<Case>{
           {"x{{ s }}y", "x<  a-B-c  >y"},
           {"{{ '[' + s.strip() + ']' + t }}", "[<a-B-c>]</s>"},
           {"{{ s | trim | upper }}!", "<A-B-C>!"},
           {"{{ ('<' ~ s ~ '>')[1:6] }}", "<  a-B>"},
           {"{{ s.strip().split('-') | join('+') }}", "<a>+<B>+<c>"},
           {"{{ s | trim | replace('-', '=') }}", "<a>=<B>=<c>"},
           {"{{ ('0' + s.strip())[::-1] }}", "<c-B-a>0"},
           {"{{ d | tojson }}", "<{\"k\": [\"v\", 1]}>"},
           {"{{ d }}", "<{'k': ['v', 1]}>"},
           {"{% set q %}[{{ s.strip() }}]{% endset %}{{ q }}", "[<a-B-c>]"},
           {"{% macro m(a) %}({{ a }}){% endmacro %}{{ m(s | trim) }}",
            "(<a-B-c>)"},
           {"{{ '%s!' % s.strip() }}{{ '{}?'.format(s.strip()) }}",
            "<a-B-c>!<a-B-c>?"},
           {"{% for c in s.strip() %}{{ c }}.{% endfor %}",
            "<a>.<->.<B>.<->.<c>."},
           {"{{ s.strip() | indent(2, true) }}", "  <a-B-c>"},
           {"{{ s | length }}{{ t }}", "9</s>"},
       }) {
    EXPECT_EQ(Marked(source, context), output) << source;
  }
}

// Each of these would take for ever, or all memory, or the stack.
TEST(TemplateTest, HostileTemplatesEndWithinTheirLimits) {
  const std::string deep(6000, '(');
  const std::string closing(6000, ')');
  std::string nested_tags;
  for (int i = 0; i < 1000; ++i) nested_tags += "{% if true %}";
  std::string not_not = "{{ ";
  for (int i = 0; i < 10000; ++i) not_not += "not ";
  std::string chain = "{{ x";
  std::string conditions = "{{ 1";
  std::string filters = "{% filter upper";
  for (int i = 0; i < 10000; ++i) {
    chain += ".a";
    conditions += " if 1";
    filters += "|upper";
  }
  const std::vector<std::string> hostile = {
      "{% for i in range(10**9) %}x{% endfor %}",
      "{{ range(10**9) | list }}",
      "{{ 'a' * 10**9 }}",
      "{{ [0] * 10**9 }}",
      "{{ 'a' | center(10**9) }}",
      "{{ '%1000000000d' % 1 }}",
      "{{ '{:>999999999}'.format(1) }}",
      "{{ 10 ** 10 ** 10 }}",
      "{{ " + deep + "1" + closing + " }}",
      "{{ " + std::string(6000, '[') + std::string(6000, ']') + " }}",
      not_not + "1 }}",
      chain + " }}",
      conditions + " }}",
      filters + " %}x{% endfilter %}",
      "{{ " + std::string(257, 'a') + " }}",
      nested_tags,
      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
      "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
      "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
      "{% set n = namespace(s='aaaaaaaa') %}{% for i in range(100000) %}"
      "{% set n.s = n.s ~ n.s %}{% endfor %}",
      "{% set n = namespace(l=[1]) %}{% for i in range(100000) %}"
      "{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l }}",
      "{% set n = namespace(l=[1]) %}{% for i in range(60) %}"
      "{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l == n.l|list }}",
      "{% set n = namespace() %}{% set n.n = n %}{{ n }}",
      "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}"
      "{% endfor %}",
      "{% for a in range(99999) %}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      "{% endfor %}{% for a in range(99999) %}{{ a }}{% endfor %}"
      "{% for a in range(99999) %}{{ a }}{% endfor %}",
      "{{ ('a' * 4000000).split('a') | length }}"
      "{{ ('a' * 4000000).replace('a', 'bb') }}",
      "{{ ('a' * 4000000) | list | length }}",
      "{{ range(100000) | map('string') | map('center', 100000) | list }}",
  };
  for (const std::string& source : hostile) {
    const absl::StatusOr<Text> text = RenderText(source);
    EXPECT_FALSE(text.ok()) << source.substr(0, 80);
    EXPECT_FALSE(text.status().message().empty());
  }
}

TEST(TemplateTest, LimitsAreNamedInTheMessage) {
  TemplateOptions options;
  options.limits.steps = 100;
  const auto text =
      RenderText("{% for i in range(1000) %}{{ i }}{% endfor %}", {}, options);
  EXPECT_EQ(text.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(text.status().message().find("limit 100"), absl::string_view::npos)
      << text.status();
}

TEST(TemplateTest, TemplatesOfTooManyTokensAreRefused) {
  TemplateOptions options;
  options.limits.tokens = 7;
  EXPECT_TRUE(RenderText("{{ 1 }}{{ 1 }}", {}, options).ok());
  const auto text = RenderText("{{ 1 }}{{ 1 }}\n{{ 1 }}", {}, options);
  EXPECT_EQ(text.status().message(), "line 2: more tokens than the limit of 7");
}

TEST(TemplateTest, StringsThatPassTheirLimitAreNotMadeFirst) {
  TemplateOptions options;
  options.limits.string_bytes = 1000;
  const std::string set = "{% set a = 'a' * 900 %}";
  for (const char* source : {"{{ a ~ a }}",
                             "{{ a + a + 'x' }}",
                             "{{ a + a }}",
                             "{{ a * 2 }}",
                             "{{ [a, a]|join }}",
                             "{{ a.replace('a', 'bb') }}",
                             "{{ a.replace('', 'b') }}",
                             "{{ '<'.join([a, a]) }}",
                             "{{ ('<' * 900)|e }}",
                             "{{ '%s%s' % (a, a) }}",
                             "{{ '{}{}'.format(a, a) }}",
                             "{{ a|indent(200, true) }}",
                             "{{ [a, a]|tojson }}",
                             "{{ [1]|tojson(indent=a ~ a) }}",
                             "{{ [[1]]|tojson(indent=600) }}",
                             "{{ [a, a] }}",
                             "{{ [a, a]|string }}",
                             "{{ a.center(1001) }}",
                             "{{ a.zfill(1001) }}",
                             "{{ ('\u0390' * 400)|upper }}"}) {
    const auto text = RenderText(set + source, {}, options);
    EXPECT_EQ(text.status().code(), absl::StatusCode::kResourceExhausted)
        << source << ": " << text.status();
  }
}

// Marks are memory and work, so they are paid for as bytes are.
TEST(TemplateTest, TextOfManyOriginsCostsMore) {
  TemplateOptions options;
  options.limits.steps = 300;
  const Context context = {{"u", Json("\"b\"")}};
  const std::string loop =
      "{% for i in range(9) %}{% set x = a ~ '' %}{% endfor %}";
  const auto plain =
      RenderText("{% set a = 'ab' * 1000 %}" + loop, context, options);
  EXPECT_TRUE(plain.ok()) << plain.status();
  const auto mixed =
      RenderText("{% set a = ('a' ~ u) * 1000 %}" + loop, context, options);
  EXPECT_EQ(mixed.status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(TemplateTest, NumbersThatDoNotFitAreNeverTakenForOthers) {
  for (const char* source :
       {"{{ '99999999999999999999'|int(5) }}", "{{ 1e20|int }}",
        "{{ '1e20'|int(5) }}", "{{ 1e400|int }}", "{{ '%d' % 1e20 }}",
        "{{ 9223372036854775807|round(-19) }}"}) {
    EXPECT_NE(Render(source).find("64 bits"), std::string::npos)
        << source << ": " << Render(source);
  }
  EXPECT_EQ(Render("{{ 'inf'|int(5) }} {{ ('1' * 5000)|int(6) }}"), "5 6");
}

TEST(TemplateTest, NumbersThatAreWholeStayAsTheyAreWhenRounded) {
  EXPECT_EQ(Render("{{ 1e300|round(100) }} {{ 9007199254740993.0|round(2) }} "
                   "{{ 1e400|round }} {{ 1234.5678|round(100) }}"),
            "1e+300 9007199254740992.0 inf 1234.5678");
}

TEST(TemplateTest, MessagesStayShort) {
  const std::string raised = Render("{{ raise_exception('\u4f60' * 9999) }}");
  EXPECT_LT(raised.size(), 1100u);
  EXPECT_GT(raised.size(), 900u);
  EXPECT_EQ(raised.substr(raised.size() - 6), "\u4f60...");
  EXPECT_LT(Render("{{ {}['a' * 99999].b }}").size(), 300u);
}

// More variables than a scope scans, with others around it.
TEST(TemplateTest, ManyVariablesAreFoundInTheirScopes) {
  std::string source;
  for (int i = 0; i < 40; ++i) {
    source +=
        "{% set v" + std::to_string(i) + " = " + std::to_string(i) + " %}";
  }
  source += "{% for i in [1, 2] %}{{ v0 }}{% set v0 = 'x' %}{{ v0 }}{{ v39 }}";
  for (int i = 0; i < 20; ++i) {
    source += "{{ w" + std::to_string(i) + " is defined }}{% set w" +
              std::to_string(i) + " = i %}";
  }
  source += "{{ w19 }};{% endfor %}{{ v0 }}{{ v17 }}";
  std::string turn;
  for (int i = 0; i < 20; ++i) turn += "False";
  EXPECT_EQ(Render(source), "0x39" + turn + "1;0x39" + turn + "2;017");
}

// Each is found again, and no other.
TEST(TemplateTest, KeysOfAllKindsAreFoundInLargeDicts) {
  EXPECT_EQ(
      Render("{% set n = namespace(p=[]) %}{% for i in range(50) %}"
             "{% set n.p = n.p + [(2**62 + i, 'i'), (range(i), 'r'), "
             "((i, none), 't'), ('s' ~ i, 's'), (i + 0.5, 'f')] %}{% endfor %}"
             "{% set d = dict(n.p) %}{{ d|length }}"
             "{% for i in [0, 1, 7, 49] %}{{ d[2**62 + i] }}{{ d[range(i)] }}"
             "{{ d[(i, none)] }}{{ d['s' ~ i] }}{{ d[i + 0.5] }}{% endfor %}"
             "{{ (2**62 + 50) in d }}{{ range(50) in d }}{{ (1,) in d }}"
             "{{ none in d }}{{ 's50' in d }}{{ d.s7 }}"),
      "250irtsfirtsfirtsfirtsfFalseFalseFalseFalseFalses");
}

TEST(TemplateTest, MacrosAndNamespacesThatHoldThemselvesAreReleased) {
  EXPECT_EQ(Render("{% set n = namespace() %}{% set n.n = n %}"
                   "{% macro m() %}{{ n.x }}m{% endmacro %}{% set n.x = m %}"
                   "{% for i in [1, 2] %}{% macro k() %}{{ i }}{% endmacro %}"
                   "{% set n.k = k %}{{ n.k() }}{% endfor %}"),
            "12");
}

TEST(JsonTest, RefusesWhatIsNotJsonOrTooDeep) {
  EXPECT_FALSE(ParseJson("{", {}).ok());
  EXPECT_FALSE(ParseJson("[1,]", {}).ok());
  EXPECT_FALSE(ParseJson("\xff", {}).ok());
  EXPECT_FALSE(ParseJson("\"\\ud800\"", {}).ok());
  EXPECT_FALSE(ParseJson(std::string(100000, '['), {}).ok());
  EXPECT_TRUE(ParseJson("[[[[1]]]]", {.max_depth = 4}).ok());
  EXPECT_FALSE(ParseJson("[[[[1]]]]", {.max_depth = 3}).ok());
}

TEST(JsonTest, KeysOfLargeObjectsStayFoundAndOrdered) {
  std::string json = "{";
  for (int i = 0; i < 2000; ++i) {
    json += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) +
            "\":" + std::to_string(i);
  }
  json += ",\"k7\":\"last\"}";
  const Context context = {{"d", Json(json)}};
  EXPECT_EQ(Render("{{ d | length }} {{ d.k1999 }} {{ d['k7'] }} "
                   "{{ (d | list)[7] }} {{ 'k3000' in d }}",
                   context),
            "2000 1999 last k7 False");
}

}  // namespace
}  // namespace sluice::tokenizer::jinja
