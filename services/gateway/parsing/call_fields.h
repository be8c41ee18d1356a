#pragma once

// The call that a model means by a JSON object.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/gateway/parsing/json_object_scanner.h"
#include "services/gateway/parsing/parser_limits.h"

namespace sluice::gateway {

struct CallFields {
  std::string name = {};
  std::string arguments = {};  // a JSON object, as the model wrote it
};

// 1 to max_name_bytes bytes without control characters.
bool IsToolName(std::string_view name, const ParserLimits& limits);

// `members` say where the members of `object` lie. Wanted are "name" and one
// of "arguments" and "parameters", an object or a string that holds one;
// others are left alone. Absent arguments mean {} unless they are required.
// Errors: nullopt, no call. Threads: any.
std::optional<CallFields> CallFromObject(
    std::string_view object,
    const std::vector<JsonObjectScanner::Member>& members,
    bool arguments_required, const ParserLimits& limits);

// What a JSON string with its quotes says. Errors: nullopt for half of a
// surrogate pair. REQUIRES: it is one, by RFC 8259.
std::optional<std::string> UnquoteJson(std::string_view quoted);

}  // namespace sluice::gateway
