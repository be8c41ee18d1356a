#pragma once

// The parts that the bodies of several routes share. Errors: INVALID_ARGUMENT
// "field: what, got, limit". Threads: any (pure).

#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/gateway/api/request.h"
#include "services/gateway/http/json_fields.h"

namespace sluice::gateway {

// model, preset, request_id and every sampling parameter. `max_names` are the
// names that max_new_tokens goes by on this route, `stop_names` those of stop.
struct OptionNames {
  std::span<const std::string_view> max_names;
  std::span<const std::string_view> stop_names;
};
absl::StatusOr<api::RequestOptions> ReadOptions(JsonFields& fields,
                                                const OptionNames& names);

// "messages": an array of {role, content}; a content may also be an array of
// {"type":"text","text":...}, whose texts are put together.
absl::StatusOr<std::vector<api::ChatMessage>> ReadMessages(
    const nlohmann::json& messages);

}  // namespace sluice::gateway
