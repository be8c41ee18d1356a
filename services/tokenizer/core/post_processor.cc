#include "services/tokenizer/core/post_processor.h"

#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace sluice::tokenizer {
namespace {

absl::Status Unsupported(std::string_view what) {
  return absl::UnimplementedError(absl::StrCat(
      "tokenizer.json: post_processor: ",
      absl::string_view(what.data(), what.size()), " is not supported"));
}

// The ids of one special token of a template.
absl::StatusOr<std::vector<int64_t>> SpecialIds(const JsonValue& processor,
                                                const JsonValue& part,
                                                const TokenTable& table) {
  ASSIGN_OR_RETURN(std::string_view name, part.GetString("id"));
  ASSIGN_OR_RETURN(JsonValue specials, processor.Get("special_tokens"));
  ASSIGN_OR_RETURN(JsonValue special, specials.Get(name));
  ASSIGN_OR_RETURN(JsonValue ids, special.Get("ids"));
  return ids.AsInts(0, table.size - 1);
}

absl::Status AddTemplate(const JsonValue& processor, const TokenTable& table,
                         PostProcessor& out) {
  ASSIGN_OR_RETURN(JsonValue single, processor.Get("single"));
  std::vector<int32_t> before;
  std::vector<int32_t> after;
  int texts = 0;
  RETURN_IF_ERROR(
      single.ForEachElement([&](const JsonValue& item) -> absl::Status {
        if (item.Find("Sequence").has_value()) {
          ++texts;
          return absl::OkStatus();
        }
        ASSIGN_OR_RETURN(JsonValue part, item.Get("SpecialToken"));
        ASSIGN_OR_RETURN(std::vector<int64_t> ids,
                         SpecialIds(processor, part, table));
        std::vector<int32_t>& side = texts == 0 ? before : after;
        side.insert(side.end(), ids.begin(), ids.end());
        return absl::OkStatus();
      }));
  if (texts != 1) {
    return Unsupported(
        absl::StrCat("a template with the text ", texts, " times"));
  }
  // A later processor of a sequence works around what is there.
  out.before.insert(out.before.begin(), before.begin(), before.end());
  out.after.insert(out.after.end(), after.begin(), after.end());
  return absl::OkStatus();
}

absl::Status Add(const JsonValue& json, const TokenTable& table,
                 PostProcessor& out) {
  ASSIGN_OR_RETURN(std::string_view type, json.GetString("type"));
  if (type == "ByteLevel") return absl::OkStatus();  // trims offsets only
  if (type == "TemplateProcessing") return AddTemplate(json, table, out);
  if (type != "Sequence") return Unsupported(type);
  ASSIGN_OR_RETURN(JsonValue parts, json.Get("processors"));
  return parts.ForEachElement(
      [&](const JsonValue& part) { return Add(part, table, out); });
}

}  // namespace

absl::StatusOr<PostProcessor> PostProcessor::FromJson(
    const std::optional<JsonValue>& json, const TokenTable& table) {
  PostProcessor made;
  if (json.has_value()) RETURN_IF_ERROR(Add(*json, table, made));
  return made;
}

}  // namespace sluice::tokenizer
