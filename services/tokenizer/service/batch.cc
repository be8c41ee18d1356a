#include "services/tokenizer/service/batch.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"

namespace sluice::tokenizer {

absl::Status InBatch(int index, const absl::Status& status) {
  // What the model cannot do is no field's fault.
  if (absl::IsFailedPrecondition(status)) return status;
  const std::string place = absl::StrCat("requests[", index, "].");
  absl::Status placed(status.code(), absl::StrCat(place, status.message()));
  status.ForEachPayload(
      [&placed](absl::string_view type, const absl::Cord& payload) {
        placed.SetPayload(type, payload);
      });
  const std::optional<std::string> field = FieldOf(status);
  return field.has_value() ? WithField(std::move(placed), place + *field)
                           : placed;
}

absl::Status CheckBatchCount(int count, const BatchLimits& limits) {
  if (count <= limits.max_requests) return absl::OkStatus();
  return FieldError("requests", "too many", absl::StrCat(count),
                    absl::StrCat(limits.max_requests));
}

absl::Status CheckBatchBytes(int64_t bytes, int index,
                             const BatchLimits& limits) {
  if (bytes <= limits.max_response_bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "requests: their answers are too long together, got ", bytes,
      " bytes with requests[", index, "], limit ", limits.max_response_bytes));
}

}  // namespace sluice::tokenizer
