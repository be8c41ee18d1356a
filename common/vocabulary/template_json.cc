#include "common/vocabulary/template_json.h"

#include <set>

#include "absl/strings/str_cat.h"

namespace sluice {
namespace {

std::string ListJson(const TemplateParts& parts) {
  std::string out = "[";
  for (const auto& part : parts) {
    if (out.size() > 1) out += ",";
    if (const char* text = std::get_if<char>(&part)) {
      absl::StrAppend(&out, R"({"Sequence":{"id":")", std::string(1, *text),
                      "\"}}");
    } else {
      absl::StrAppend(&out, R"({"SpecialToken":{"id":"t)",
                      std::get<size_t>(part), "\"}}");
    }
  }
  return out + "]";
}

}  // namespace

std::string TemplateJson(const TemplateParts& single,
                         const TemplateParts& pair) {
  std::set<size_t> ids;
  for (const auto& part : pair) {
    if (const size_t* id = std::get_if<size_t>(&part)) ids.insert(*id);
  }
  std::string specials;
  for (size_t id : ids) {
    absl::StrAppend(&specials, specials.empty() ? "" : ",", "\"t", id,
                    "\":{\"ids\":[", id, "]}");
  }
  return absl::StrCat(
      R"("post_processor":{"type":"TemplateProcessing","single":)",
      ListJson(single), ",\"pair\":", ListJson(pair), ",\"special_tokens\":{",
      specials, "}}");
}

}  // namespace sluice
