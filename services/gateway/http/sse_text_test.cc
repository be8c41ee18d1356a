#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "services/gateway/http/reply.h"

namespace sluice::gateway {
namespace {

// The parser of the HTML standard, section 9.2.6, as a client has it; texts
// of our own event are decoded as documented.
std::string TextOfClient(const std::string& stream) {
  std::vector<std::string> lines(1);
  for (size_t i = 0; i < stream.size(); ++i) {
    if (stream[i] == '\r') {
      if (i + 1 < stream.size() && stream[i + 1] == '\n') ++i;
      lines.emplace_back();
    } else if (stream[i] == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += stream[i];
    }
  }
  std::string text;
  std::string data;
  std::string event;
  for (const std::string& line : lines) {
    if (line.empty()) {
      if (!data.empty()) {
        data.pop_back();
        text += event == "text_json"
                    ? nlohmann::json::parse(data).get<std::string>()
                    : data;
      }
      data.clear();
      event.clear();
      continue;
    }
    if (line[0] == ':') continue;
    const size_t colon = line.find(':');
    std::string value =
        colon == std::string::npos ? "" : line.substr(colon + 1);
    if (!value.empty() && value[0] == ' ') value.erase(0, 1);
    if (line.substr(0, colon) == "data") data += value + "\n";
    if (line.substr(0, colon) == "event") event = value;
  }
  return text;
}

TEST(SseText, HardTextsArriveExactly) {
  for (const std::string text :
       {"a", " a", "  a", "\n", "\n\n", "a\n", "\na", "a\n\nb\n", ":", ": x",
        "data: x", "event: done", "\r", "a\r\nb", "\r\n", "\t", " \n ",
        "\xe4\xbd\xa0\n\xe5\xa5\xbd", "\"\\\r\""}) {
    EXPECT_EQ(TextOfClient(SseText(text)), text)
        << testing::PrintToString(text);
  }
}

TEST(SseText, RandomDeltasBetweenCommentsArriveExactly) {
  std::mt19937 random(20260101);
  const std::string alphabet = "ab :\n\r\t\"\\{}";
  for (int round = 0; round < 2000; ++round) {
    std::string whole;
    std::string stream;
    const int deltas = 1 + static_cast<int>(random() % 6);
    for (int i = 0; i < deltas; ++i) {
      std::string text;
      const int length = 1 + static_cast<int>(random() % 6);
      for (int j = 0; j < length; ++j) {
        text += alphabet[random() % alphabet.size()];
      }
      whole += text;
      stream += SseText(text) + SseComment("alive");
    }
    ASSERT_EQ(TextOfClient(stream), whole) << "round " << round;
  }
}

}  // namespace
}  // namespace sluice::gateway
