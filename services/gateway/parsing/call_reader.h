#pragma once

// Reads one call, from behind what opens it to the end of what closes it.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "services/gateway/parsing/call_fields.h"
#include "services/gateway/parsing/json_object_scanner.h"
#include "services/gateway/parsing/parser_limits.h"

namespace sluice::gateway {

// What stands in a call.
enum class CallGrammar {
  kTagged,  // white space, object, white space, </tool_call>
  kBare,    // the object alone; it must have arguments
  kFenced,  // "function", separator, name, line, ```json, object, ```, marker
};

// Threads: one at a time. Constant time a byte; the limit of a call's bytes is
// the caller's to keep.
class CallReader {
 public:
  enum class Step { kMore, kDone, kBad };

  CallReader(CallGrammar grammar, const ParserLimits& limits);

  // kBad at the first byte with which no call can go on; kDone at the last
  // byte of one. REQUIRES: kMore from all pushes before.
  Step Push(char c);

  // Once the object is whole, also where what closes it is still missing.
  const std::optional<CallFields>& call() const { return call_; }

 private:
  enum class Stage {
    kType,
    kSeparator,
    kName,
    kFenceBegin,
    kObject,
    kFenceEnd,
    kTail
  };

  Step InHead(char c);
  Step InName(char c);
  Step InObject(char c);
  Step AfterObject(char c);
  // Goes on in `literal_`; kDone at its last byte.
  Step InLiteral(char c);
  Step Enter(Stage stage, std::string_view literal);

  CallGrammar grammar_;
  ParserLimits limits_;
  Stage stage_;
  std::string_view literal_;  // what is left of the marker that must follow
  bool literal_began_ = false;
  JsonObjectScanner scanner_;
  std::string name_;    // of a fenced call
  std::string object_;  // as written
  std::optional<CallFields> call_;
};

}  // namespace sluice::gateway
