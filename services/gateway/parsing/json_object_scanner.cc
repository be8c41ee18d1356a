#include "services/gateway/parsing/json_object_scanner.h"

#include "common/base/check.h"

namespace sluice::gateway {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsHexDigit(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

}  // namespace

JsonObjectScanner::JsonObjectScanner(int max_depth) : max_depth_(max_depth) {
  SLUICE_CHECK(max_depth >= 1 && max_depth <= kMaxDepth,
               "a depth that fits the open brackets");
}

JsonObjectScanner::Step JsonObjectScanner::Push(char c) {
  const Step step = Advance(c);
  ++offset_;
  return step;
}

JsonObjectScanner::Step JsonObjectScanner::Advance(char c) {
  switch (expect_) {
    case Expect::kString:
      return InString(c);
    case Expect::kEscape:
      return InEscape(c);
    case Expect::kHex:
      return InHex(c);
    case Expect::kLiteral:
      if (c != *literal_) return Step::kBad;
      if (*++literal_ == '\0') EndValue(offset_ + 1);
      return Step::kMore;
    case Expect::kSign:
    case Expect::kZero:
    case Expect::kInteger:
    case Expect::kPoint:
    case Expect::kFraction:
    case Expect::kExponent:
    case Expect::kExponentSign:
    case Expect::kExponentDigits:
      return InNumber(c);
    default:
      break;
  }
  if (IsSpace(c)) return Step::kMore;
  switch (expect_) {
    case Expect::kObject:
      return c == '{' ? Open(true) : Step::kBad;
    case Expect::kKeyOrEnd:
      return c == '}' ? Close() : Key(c);
    case Expect::kKey:
      return Key(c);
    case Expect::kColon:
      return c == ':' ? Go(Expect::kValue) : Step::kBad;
    case Expect::kElementOrEnd:
      return c == ']' ? Close() : Value(c);
    case Expect::kValue:
      return Value(c);
    default:
      return AfterValue(c);
  }
}

JsonObjectScanner::Step JsonObjectScanner::Go(Expect next) {
  expect_ = next;
  return Step::kMore;
}

JsonObjectScanner::Step JsonObjectScanner::Key(char c) {
  if (c != '"') return Step::kBad;
  if (depth_ == 1) {
    if (members_.size() == kMaxMembers) return Step::kBad;
    members_.push_back({.key_begin = offset_});
  }
  string_is_key_ = true;
  return Go(Expect::kString);
}

JsonObjectScanner::Step JsonObjectScanner::Value(char c) {
  if (depth_ == 1) members_.back().value_begin = offset_;
  if (c == '{' || c == '[') return Open(c == '{');
  if (c == '-') return Go(Expect::kSign);
  if (c == '0') return Go(Expect::kZero);
  if (IsDigit(c)) return Go(Expect::kInteger);
  if (c == '"') {
    string_is_key_ = false;
    return Go(Expect::kString);
  }
  if (c != 't' && c != 'f' && c != 'n') return Step::kBad;
  literal_ = c == 't' ? "rue" : c == 'f' ? "alse" : "ull";
  return Go(Expect::kLiteral);
}

JsonObjectScanner::Step JsonObjectScanner::InString(char c) {
  if (c == '\\') return Go(Expect::kEscape);
  if (static_cast<unsigned char>(c) < 0x20) return Step::kBad;
  if (c != '"') return Step::kMore;
  if (!string_is_key_) {
    EndValue(offset_ + 1);
    return Step::kMore;
  }
  if (depth_ == 1) members_.back().key_end = offset_ + 1;
  return Go(Expect::kColon);
}

JsonObjectScanner::Step JsonObjectScanner::InEscape(char c) {
  switch (c) {
    case 'u':
      hex_left_ = 4;
      return Go(Expect::kHex);
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
      return Go(Expect::kString);
    default:
      return Step::kBad;
  }
}

JsonObjectScanner::Step JsonObjectScanner::InHex(char c) {
  if (!IsHexDigit(c)) return Step::kBad;
  return --hex_left_ == 0 ? Go(Expect::kString) : Step::kMore;
}

JsonObjectScanner::Step JsonObjectScanner::InNumber(char c) {
  switch (expect_) {
    case Expect::kSign:
      if (!IsDigit(c)) return Step::kBad;
      return Go(c == '0' ? Expect::kZero : Expect::kInteger);
    case Expect::kInteger:
      if (IsDigit(c)) return Step::kMore;
      [[fallthrough]];
    case Expect::kZero:
      if (c == '.') return Go(Expect::kPoint);
      if (c == 'e' || c == 'E') return Go(Expect::kExponent);
      break;
    default:
      return InFraction(c);
  }
  EndValue(offset_);
  return Advance(c);
}

JsonObjectScanner::Step JsonObjectScanner::InFraction(char c) {
  switch (expect_) {
    case Expect::kPoint:
      return IsDigit(c) ? Go(Expect::kFraction) : Step::kBad;
    case Expect::kFraction:
      if (IsDigit(c)) return Step::kMore;
      if (c == 'e' || c == 'E') return Go(Expect::kExponent);
      break;
    case Expect::kExponent:
      if (c == '+' || c == '-') return Go(Expect::kExponentSign);
      [[fallthrough]];
    case Expect::kExponentSign:
      return IsDigit(c) ? Go(Expect::kExponentDigits) : Step::kBad;
    default:
      if (IsDigit(c)) return Step::kMore;
      break;
  }
  EndValue(offset_);
  return Advance(c);
}

JsonObjectScanner::Step JsonObjectScanner::AfterValue(char c) {
  const bool object = (objects_ >> (depth_ - 1)) & 1;
  if (c == ',') return Go(object ? Expect::kKey : Expect::kValue);
  if (c == (object ? '}' : ']')) return Close();
  return Step::kBad;
}

JsonObjectScanner::Step JsonObjectScanner::Open(bool object) {
  if (depth_ == max_depth_) return Step::kBad;
  const uint64_t bit = uint64_t{1} << depth_;
  objects_ = object ? objects_ | bit : objects_ & ~bit;
  ++depth_;
  return Go(object ? Expect::kKeyOrEnd : Expect::kElementOrEnd);
}

JsonObjectScanner::Step JsonObjectScanner::Close() {
  --depth_;
  if (depth_ == 0) return Step::kDone;
  EndValue(offset_ + 1);
  return Step::kMore;
}

void JsonObjectScanner::EndValue(size_t end) {
  if (depth_ == 1) members_.back().value_end = end;
  expect_ = Expect::kCommaOrEnd;
}

}  // namespace sluice::gateway
