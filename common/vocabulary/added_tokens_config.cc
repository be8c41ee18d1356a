#include "common/vocabulary/added_tokens_config.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/json_quote.h"
#include "common/base/status_macros.h"

namespace sluice {

absl::StatusOr<std::string> AddedTokensOfConfig(const JsonValue& config) {
  std::optional<JsonValue> table = config.Find("added_tokens_decoder");
  if (!table.has_value()) return "[]";
  std::vector<std::pair<int64_t, std::string>> tokens;
  RETURN_IF_ERROR(table->ForEachMember(
      [&](std::string_view key, const JsonValue& token) -> absl::Status {
        int64_t id = 0;
        if (!absl::SimpleAtoi(absl::string_view(key.data(), key.size()), &id)) {
          return token.Error("its key must be an id");
        }
        ASSIGN_OR_RETURN(std::string_view content, token.GetString("content"));
        std::string made =
            absl::StrCat("{\"id\":", id, ",\"content\":", JsonQuote(content));
        for (const char* flag :
             {"special", "normalized", "lstrip", "rstrip", "single_word"}) {
          ASSIGN_OR_RETURN(bool value, token.GetBoolOr(flag, false));
          absl::StrAppend(&made, ",\"", flag, "\":", value ? "true" : "false");
        }
        tokens.emplace_back(id, made + "}");
        return absl::OkStatus();
      }));
  std::sort(tokens.begin(), tokens.end());
  std::string out = "[";
  for (const auto& [id, made] : tokens) {
    absl::StrAppend(&out, out.size() > 1 ? "," : "", made);
  }
  return out + "]";
}

}  // namespace sluice
