// Runs the gateway's answer parsers for checks written in Python: one JSON
// request a line on stdin (a text and the places at which to cut it, many ways
// of cutting at once), one JSON answer a line on stdout: each different result
// and how many ways gave it. The expected result stays on the other side. With
// "repeat" in the place of the ways: the least CPU time that reading the text
// took, in pieces of "piece_bytes".

#include <time.h>

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/base/json_quote.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"
#include "common/modelfiles/json.h"
#include "services/gateway/parsing/answer_parser.h"

namespace sluice::gateway {
namespace {

// The pieces of one answer, put together where they add up.
class Result {
 public:
  void Add(std::vector<AnswerPiece> pieces) {
    for (AnswerPiece& piece : pieces) std::visit(*this, piece);
  }

  void operator()(const TextPiece& piece) { AddText("text", piece.text); }
  void operator()(const ReasoningPiece& piece) {
    AddText("reasoning", piece.text);
  }
  void operator()(const ToolCallPiece& piece) {
    whole_ = whole_ && IsValidUtf8(piece.name) && IsValidUtf8(piece.arguments);
    AddOne("call");
    absl::StrAppend(&json_, ",", piece.index, ",", JsonQuote(piece.id), ",",
                    JsonQuote(piece.name), ",", JsonQuote(piece.arguments));
  }

  // A JSON array of arrays.
  std::string Json() {
    EndText();
    return absl::StrCat("[", json_, json_.empty() ? "]" : "]]");
  }
  // Whether each piece was whole UTF-8 and none was empty.
  bool whole() const { return whole_; }

 private:
  void AddText(absl::string_view kind, const std::string& text) {
    whole_ = whole_ && !text.empty() && IsValidUtf8(text);
    if (kind_ != kind) {
      AddOne(kind);
      kind_ = std::string(kind);
    }
    text_ += text;
  }
  void AddOne(absl::string_view kind) {
    EndText();
    absl::StrAppend(&json_, json_.empty() ? "" : "],", "[\"", kind, "\"");
  }
  void EndText() {
    if (!kind_.empty()) absl::StrAppend(&json_, ",", JsonQuote(text_));
    kind_.clear();
    text_.clear();
  }

  std::string json_;
  std::string kind_;
  std::string text_;
  bool whole_ = true;
};

absl::StatusOr<AnswerParserOptions> ReadOptions(const JsonValue& request) {
  AnswerParserOptions options;
  ASSIGN_OR_RETURN(std::string_view name, request.GetString("format"));
  const auto format = AnswerFormatByName(name);
  if (!format.has_value()) return request.Error("no such format");
  options.format = *format;
  ASSIGN_OR_RETURN(options.tools, request.GetBool("tools"));
  ASSIGN_OR_RETURN(options.reasoning, request.GetBool("reasoning"));
  ASSIGN_OR_RETURN(options.reasoning_open, request.GetBool("open"));
  options.call_id_prefix = "call_";
  ASSIGN_OR_RETURN(int64_t bytes, request.GetInt("call_bytes", 1, 1 << 20));
  options.limits.max_call_bytes = static_cast<size_t>(bytes);
  ASSIGN_OR_RETURN(int64_t calls, request.GetInt("calls", 0, 1 << 20));
  options.limits.max_calls = static_cast<int>(calls);
  ASSIGN_OR_RETURN(int64_t depth, request.GetInt("depth", 1, 64));
  options.limits.max_depth = static_cast<int>(depth);
  ASSIGN_OR_RETURN(int64_t space, request.GetInt("space", 0, 1 << 20));
  options.limits.max_space_bytes = static_cast<size_t>(space);
  return options;
}

// Everything about all ways of cutting one text.
struct Outcome {
  std::map<std::string, int> results;
  bool whole = true;
  size_t max_held = 0;

  void Run(const AnswerParserOptions& options, std::string_view text,
           std::vector<int64_t> cuts) {
    AnswerParser parser(options);
    Result result;
    cuts.push_back(static_cast<int64_t>(text.size()));
    size_t begin = 0;
    for (int64_t cut : cuts) {
      const auto end = static_cast<size_t>(cut);
      result.Add(parser.Push(text.substr(begin, end - begin)));
      max_held = std::max(max_held, parser.held_bytes());
      begin = end;
    }
    result.Add(parser.Finish());
    ++results[result.Json()];
    whole = whole && result.whole();
  }

  std::string Json() const {
    std::string list;
    for (const auto& [json, count] : results) {
      absl::StrAppend(&list, list.empty() ? "" : ",", "[", count, ",", json,
                      "]");
    }
    return absl::StrCat("{\"results\":[", list,
                        "],\"whole\":", whole ? "true" : "false",
                        ",\"held\":", max_held, "}");
  }
};

// Of this thread, so that what else runs here does not count.
int64_t CpuNanos() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

struct Timing {
  int64_t nanos = 0;
  size_t pieces = 0;  // that came out, so that reading cannot be left out
};

Timing Read(const AnswerParserOptions& options, std::string_view text,
            size_t piece_bytes) {
  Timing timing;
  const int64_t begin = CpuNanos();
  AnswerParser parser(options);
  for (size_t at = 0; at < text.size(); at += piece_bytes) {
    timing.pieces += parser.Push(text.substr(at, piece_bytes)).size();
  }
  timing.pieces += parser.Finish().size();
  timing.nanos = CpuNanos() - begin;
  return timing;
}

absl::StatusOr<std::string> Time(const AnswerParserOptions& options,
                                 std::string_view text,
                                 const JsonValue& request) {
  ASSIGN_OR_RETURN(const int64_t repeat, request.GetInt("repeat", 1, 1000));
  ASSIGN_OR_RETURN(const int64_t piece_bytes,
                   request.GetInt("piece_bytes", 1, 1 << 30));
  Timing least;
  for (int64_t i = 0; i < repeat; ++i) {
    const Timing timing = Read(options, text, static_cast<size_t>(piece_bytes));
    if (i == 0 || timing.nanos < least.nanos) least = timing;
  }
  return absl::StrCat("{\"cpu_ns\":", least.nanos, ",\"pieces\":", least.pieces,
                      "}");
}

absl::StatusOr<std::string> Answer(std::string_view line) {
  ASSIGN_OR_RETURN(JsonDocument document,
                   JsonDocument::Parse(line, "request", {}));
  const JsonValue request = document.root();
  ASSIGN_OR_RETURN(AnswerParserOptions options, ReadOptions(request));
  ASSIGN_OR_RETURN(std::string_view text, request.GetString("text"));
  if (request.Find("repeat").has_value()) return Time(options, text, request);
  ASSIGN_OR_RETURN(JsonValue splits, request.Get("splits"));
  Outcome outcome;
  RETURN_IF_ERROR(
      splits.ForEachElement([&](const JsonValue& split) -> absl::Status {
        const auto size = static_cast<int64_t>(text.size());
        ASSIGN_OR_RETURN(std::vector<int64_t> cuts, split.AsInts(0, size));
        if (!std::is_sorted(cuts.begin(), cuts.end())) {
          return split.Error("cuts must rise");
        }
        outcome.Run(options, text, std::move(cuts));
        return absl::OkStatus();
      }));
  return outcome.Json();
}

int Main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    const auto answer = Answer(line);
    if (answer.ok()) {
      std::cout << *answer << std::endl;
    } else {
      std::cout << "{\"error\":"
                << JsonQuote(std::string(answer.status().message())) << "}"
                << std::endl;
    }
  }
  return 0;
}

}  // namespace
}  // namespace sluice::gateway

int main() { return sluice::gateway::Main(); }
