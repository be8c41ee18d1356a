#pragma once

// Says after each byte whether a JSON object (RFC 8259) may still come of what
// was pushed, and where the members of the outermost object lie.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice::gateway {

// Threads: one at a time. Constant time and memory a byte.
class JsonObjectScanner {
 public:
  enum class Step { kMore, kDone, kBad };

  // Offsets count what was pushed from 0; strings with their quotes.
  struct Member {
    size_t key_begin = 0;
    size_t key_end = 0;
    size_t value_begin = 0;
    size_t value_end = 0;
  };

  // A call has two or three members; more than this is some other object.
  static constexpr size_t kMaxMembers = 16;
  // What one machine word of open brackets holds.
  static constexpr int kMaxDepth = 64;

  // REQUIRES: 1 <= max_depth <= kMaxDepth, objects and arrays around a value.
  explicit JsonObjectScanner(int max_depth);

  // kBad at the first byte that no JSON object can go on with; kDone at the
  // last brace. REQUIRES: kMore from all pushes before.
  Step Push(char c);

  // Of the outermost object, in order.
  const std::vector<Member>& members() const { return members_; }

 private:
  enum class Expect {
    kObject,
    kValue,
    kKeyOrEnd,
    kKey,
    kColon,
    kElementOrEnd,
    kCommaOrEnd,
    kString,
    kEscape,
    kHex,
    kLiteral,
    kSign,
    kZero,
    kInteger,
    kPoint,
    kFraction,
    kExponent,
    kExponentSign,
    kExponentDigits,
  };

  Step Advance(char c);
  Step Value(char c);
  Step Key(char c);
  Step InString(char c);
  Step InEscape(char c);
  Step InHex(char c);
  Step InNumber(char c);
  Step InFraction(char c);
  Step AfterValue(char c);
  Step Go(Expect next);
  Step Open(bool object);
  Step Close();
  void EndValue(size_t end);

  int max_depth_;
  int depth_ = 0;
  uint64_t objects_ = 0;  // bit d: what is open at depth d is an object
  Expect expect_ = Expect::kObject;
  bool string_is_key_ = false;
  int hex_left_ = 0;
  const char* literal_ = nullptr;  // what is left of true, false or null
  size_t offset_ = 0;
  std::vector<Member> members_;
};

}  // namespace sluice::gateway
