#pragma once

// JSON text in, JSON text out, as Python's json module has it.

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/tokenizer/chat/jinja/limits.h"
#include "services/tokenizer/chat/jinja/value.h"

namespace sluice::tokenizer::jinja {

struct JsonOptions {
  int max_depth = 32;   // of arrays and objects
  bool foreign = true;  // the origin of its strings
};

// Errors: INVALID_ARGUMENT (not JSON, not UTF-8, too deep).
absl::StatusOr<Value> ParseJson(std::string_view text,
                                const JsonOptions& options);

struct DumpOptions {
  std::optional<std::string> indent;  // what one level adds; none = one line
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  bool ensure_ascii = false;
  bool sort_keys = false;
};

// json.dumps. The text is foreign as a whole if any string in it is.
// Errors: INVALID_ARGUMENT (a value that JSON does not have),
// RESOURCE_EXHAUSTED.
absl::StatusOr<Text> DumpJson(const Value& value, const DumpOptions& options,
                              Budget& budget);

}  // namespace sluice::tokenizer::jinja
