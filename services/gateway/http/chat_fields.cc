#include "services/gateway/http/chat_fields.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"

namespace sluice::gateway {
namespace {

// Reads the one of `names` that is given; the first name is the canonical one.
template <typename T>
absl::Status ReadAlias(JsonFields& fields,
                       std::span<const std::string_view> names, T& out,
                       api::FieldNames& written) {
  std::string_view given;
  for (const std::string_view name : names) {
    if (fields.Find(name) == nullptr) continue;
    if (!given.empty()) {
      return FieldError(name, "is given under two names",
                        std::string(given) + " and " + std::string(name),
                        "one of them");
    }
    given = name;
    RETURN_IF_ERROR(fields.Read(name, out));
  }
  if (!given.empty() && given != names[0]) {
    written.aliases.emplace_back(names[0], given);
  }
  return absl::OkStatus();
}

absl::Status AppendTextPart(const nlohmann::json& part,
                            const std::string& place, std::string& text) {
  if (!part.is_object()) {
    return FieldError(place, "is not an object", Describe(part),
                      "{\"type\":\"text\",\"text\":...}");
  }
  JsonFields fields(part, place + ".");
  std::string type;
  std::string piece;
  RETURN_IF_ERROR(fields.Read("type", type));
  if (type != "text") {
    return FieldError(fields.FullName("type"), "is not supported",
                      "\"" + type + "\"", "\"text\"");
  }
  RETURN_IF_ERROR(fields.Read("text", piece));
  RETURN_IF_ERROR(fields.RefuseOthers());
  text += piece;
  return absl::OkStatus();
}

absl::Status ReadContent(JsonFields& fields, std::string& content) {
  const nlohmann::json* value = fields.Find("content");
  if (value == nullptr) return absl::OkStatus();
  if (!value->is_array()) return fields.Read("content", content);
  for (size_t i = 0; i < value->size(); ++i) {
    RETURN_IF_ERROR(AppendTextPart(
        (*value)[i], absl::StrCat(fields.FullName("content"), "[", i, "]"),
        content));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<api::RequestOptions> ReadOptions(JsonFields& fields,
                                                const OptionNames& names) {
  api::RequestOptions options;
  api::SamplingParams& params = options.params;
  RETURN_IF_ERROR(fields.Read("model", options.model));
  RETURN_IF_ERROR(fields.Read("preset", options.preset));
  RETURN_IF_ERROR(fields.Read("request_id", options.request_id));
  std::optional<bool> bypass;
  RETURN_IF_ERROR(fields.Read("bypass_prefix_cache", bypass));
  options.bypass_prefix_cache = bypass.value_or(false);
  RETURN_IF_ERROR(fields.Read("queue_timeout_ms", options.queue_timeout_ms));
  RETURN_IF_ERROR(
      fields.Read("first_token_timeout_ms", options.first_token_timeout_ms));
  RETURN_IF_ERROR(fields.Read("temperature", params.temperature));
  RETURN_IF_ERROR(fields.Read("top_k", params.top_k));
  RETURN_IF_ERROR(fields.Read("top_p", params.top_p));
  RETURN_IF_ERROR(fields.Read("repetition_penalty", params.repetition_penalty));
  RETURN_IF_ERROR(fields.Read("seed", params.seed));
  RETURN_IF_ERROR(
      ReadAlias(fields, names.max_names, params.max_new_tokens, options.names));
  RETURN_IF_ERROR(fields.Read("min_new_tokens", params.min_new_tokens));
  RETURN_IF_ERROR(
      ReadAlias(fields, names.stop_names, params.stop, options.names));
  RETURN_IF_ERROR(fields.Read("stop_token_ids", params.stop_token_ids));
  RETURN_IF_ERROR(fields.Read("ignore_eos", params.ignore_eos));
  RETURN_IF_ERROR(fields.Read("do_sample", params.do_sample));
  return options;
}

absl::StatusOr<std::vector<api::ChatMessage>> ReadMessages(
    const nlohmann::json& messages) {
  if (!messages.is_array()) {
    return FieldError("messages", "is not an array", Describe(messages),
                      "an array of {role, content}");
  }
  std::vector<api::ChatMessage> out;
  out.reserve(messages.size());
  for (size_t i = 0; i < messages.size(); ++i) {
    const std::string place = absl::StrCat("messages[", i, "]");
    if (!messages[i].is_object()) {
      return FieldError(place, "is not an object", Describe(messages[i]),
                        "{role, content}");
    }
    JsonFields fields(messages[i], place + ".");
    api::ChatMessage& message = out.emplace_back();
    RETURN_IF_ERROR(fields.Read("role", message.role));
    RETURN_IF_ERROR(ReadContent(fields, message.content));
    RETURN_IF_ERROR(fields.RefuseOthers());
  }
  return out;
}

}  // namespace sluice::gateway
