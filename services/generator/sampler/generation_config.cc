#include "services/generator/sampler/generation_config.h"

#include <limits>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/json.h"

namespace sluice::generator {
namespace {

constexpr char kFile[] = "generation_config.json";
constexpr int64_t kMaxInt = std::numeric_limits<int32_t>::max();

absl::Status ReadFloat(const JsonValue& root, std::string_view key,
                       std::optional<float>& out) {
  if (!root.Find(key).has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN(double value, root.GetDouble(key));
  out = static_cast<float>(value);
  return absl::OkStatus();
}

absl::Status ReadInt(const JsonValue& root, std::string_view key, int64_t min,
                     std::optional<int32_t>& out) {
  if (!root.Find(key).has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN(int64_t value, root.GetInt(key, min, kMaxInt));
  out = static_cast<int32_t>(value);
  return absl::OkStatus();
}

absl::StatusOr<SamplingOverrides> FromRoot(const JsonValue& root) {
  SamplingOverrides defaults;
  RETURN_IF_ERROR(ReadFloat(root, "temperature", defaults.temperature));
  RETURN_IF_ERROR(ReadInt(root, "top_k", 0, defaults.top_k));
  RETURN_IF_ERROR(ReadFloat(root, "top_p", defaults.top_p));
  RETURN_IF_ERROR(
      ReadFloat(root, "repetition_penalty", defaults.repetition_penalty));
  RETURN_IF_ERROR(ReadInt(root, "max_new_tokens", 1, defaults.max_new_tokens));
  RETURN_IF_ERROR(ReadInt(root, "min_new_tokens", 0, defaults.min_new_tokens));
  if (root.Find("do_sample").has_value()) {
    ASSIGN_OR_RETURN(defaults.do_sample, root.GetBool("do_sample"));
  }
  const absl::Status ranges = CheckRanges(defaults);
  if (ranges.ok()) return defaults;
  return absl::InvalidArgumentError(
      absl::StrCat(kFile, ": ", ranges.message()));
}

}  // namespace

absl::StatusOr<SamplingOverrides> ReadSamplingDefaults(
    const std::string& model_directory) {
  absl::StatusOr<JsonDocument> document =
      JsonDocument::ReadFile(model_directory + "/" + kFile, {});
  if (absl::IsNotFound(document.status())) return SamplingOverrides{};
  RETURN_IF_ERROR(document.status());
  return FromRoot(document->root());
}

absl::StatusOr<SamplingOverrides> ParseSamplingDefaults(std::string_view json) {
  ASSIGN_OR_RETURN(JsonDocument document, JsonDocument::Parse(json, kFile, {}));
  return FromRoot(document.root());
}

}  // namespace sluice::generator
