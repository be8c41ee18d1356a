#include "services/gateway/parsing/call_reader.h"

#include "services/gateway/parsing/answer_format.h"

namespace sluice::gateway {
namespace {

// What opens a fenced call: DeepSeek knows one type of tool.
constexpr std::string_view kFunctionType = "function";
constexpr std::string_view kFenceBegin = "```json\n";
constexpr std::string_view kFenceEnd = "```";

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

CallReader::CallReader(CallGrammar grammar, const ParserLimits& limits)
    : grammar_(grammar),
      limits_(limits),
      stage_(grammar == CallGrammar::kFenced ? Stage::kType : Stage::kObject),
      literal_(kFunctionType),
      scanner_(limits.max_depth) {}

CallReader::Step CallReader::Push(char c) {
  switch (stage_) {
    case Stage::kType:
    case Stage::kSeparator:
      return InHead(c);
    case Stage::kName:
      return InName(c);
    case Stage::kFenceBegin:
      return InLiteral(c) == Step::kBad ? Step::kBad
             : literal_.empty()         ? Enter(Stage::kObject, "")
                                        : Step::kMore;
    case Stage::kObject:
      return InObject(c);
    case Stage::kFenceEnd:
    case Stage::kTail:
      return AfterObject(c);
  }
  return Step::kBad;
}

CallReader::Step CallReader::Enter(Stage stage, std::string_view literal) {
  stage_ = stage;
  literal_ = literal;
  literal_began_ = false;
  return Step::kMore;
}

CallReader::Step CallReader::InLiteral(char c) {
  if (c != literal_.front()) return Step::kBad;
  literal_.remove_prefix(1);
  literal_began_ = true;
  return literal_.empty() ? Step::kDone : Step::kMore;
}

// The type, then the separator.
CallReader::Step CallReader::InHead(char c) {
  if (InLiteral(c) == Step::kBad) return Step::kBad;
  if (!literal_.empty()) return Step::kMore;
  if (stage_ == Stage::kType) {
    return Enter(Stage::kSeparator, kDeepSeekSeparator);
  }
  return Enter(Stage::kName, "");
}

CallReader::Step CallReader::InName(char c) {
  if (c == '\n') {
    if (!IsToolName(name_, limits_)) return Step::kBad;
    return Enter(Stage::kFenceBegin, kFenceBegin);
  }
  if (c == '<' || name_.size() == limits_.max_name_bytes) return Step::kBad;
  name_.push_back(c);
  return Step::kMore;
}

CallReader::Step CallReader::InObject(char c) {
  const JsonObjectScanner::Step step = scanner_.Push(c);
  if (step == JsonObjectScanner::Step::kBad) return Step::kBad;
  object_.push_back(c);
  if (step == JsonObjectScanner::Step::kMore) return Step::kMore;
  if (grammar_ == CallGrammar::kFenced) {
    call_ = CallFields{.name = name_,
                       .arguments = object_.substr(object_.find('{'))};
    return Enter(Stage::kFenceEnd, kFenceEnd);
  }
  call_ = CallFromObject(object_, scanner_.members(),
                         grammar_ == CallGrammar::kBare, limits_);
  if (!call_.has_value()) return Step::kBad;
  if (grammar_ == CallGrammar::kBare) return Step::kDone;
  return Enter(Stage::kTail, kCallEnd);
}

CallReader::Step CallReader::AfterObject(char c) {
  if (!literal_began_ && IsSpace(c)) return Step::kMore;
  const Step step = InLiteral(c);
  if (step == Step::kDone && stage_ == Stage::kFenceEnd) {
    return Enter(Stage::kTail, kDeepSeekCallEnd);
  }
  return step;
}

}  // namespace sluice::gateway
