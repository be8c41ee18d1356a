#pragma once

#include <cstddef>

namespace sluice::gateway {

// What a parser holds at most. Past a limit the answer goes on as text.
struct ParserLimits {
  // From what opens a call to what closes it: escaped six times over it still
  // fits a message of 1 MiB.
  size_t max_call_bytes = size_t{128} << 10;
  // A client answers each call with a message, and a request has at most 1,024;
  // a model that makes this many in one answer has lost its way.
  int max_calls = 128;
  // The depth that JSON from outside may have anywhere in Sluice, at most
  // JsonObjectScanner::kMaxDepth.
  int max_depth = 32;
  // A run of white space that may turn out to be layout around a marker;
  // models write one or two line breaks.
  size_t max_space_bytes = 64;
  // Four times what the OpenAI routes allow for the name of a function.
  size_t max_name_bytes = 256;
};

}  // namespace sluice::gateway
