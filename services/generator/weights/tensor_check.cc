#include "services/generator/weights/tensor_check.h"

#include <algorithm>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/generator/weights/tensor_reader.h"

namespace sluice::generator {
namespace {

// Buffers of old exports that no weight depends on.
constexpr const char* kBufferSuffixes[] = {".rotary_emb.inv_freq",
                                           ".masked_bias", ".attn.bias"};
constexpr size_t kNamesShown = 8;

bool IsBuffer(const std::string& name) {
  return std::any_of(
      std::begin(kBufferSuffixes), std::end(kBufferSuffixes),
      [&](const char* suffix) { return absl::EndsWith(name, suffix); });
}

// "a, b and 3 more"
std::string Shorten(const std::vector<std::string>& names) {
  const size_t shown = std::min(names.size(), kNamesShown);
  std::string text = absl::StrJoin(names.begin(), names.begin() + shown, ", ");
  if (shown < names.size()) {
    absl::StrAppend(&text, " and ", names.size() - shown, " more");
  }
  return text;
}

void CheckOne(const TensorView& tensor, const TensorRequest& request,
              std::vector<std::string>& wrong) {
  const std::string name(tensor.name);
  if (!IsWeightType(tensor.type)) {
    wrong.push_back(absl::StrCat(name, ": type must be F32, BF16 or F16, got ",
                                 std::string(TensorTypeName(tensor.type))));
  } else if (tensor.shape != request.shape) {
    wrong.push_back(absl::StrCat(name, ": shape must be ",
                                 ShapeToString(request.shape), ", got ",
                                 ShapeToString(tensor.shape)));
  }
}

}  // namespace

absl::Status CheckTensors(const SafetensorsReader& reader,
                          absl::Span<const TensorRequest> requests,
                          absl::Span<const std::string> ignored) {
  std::vector<std::string> missing, wrong, unused;
  absl::flat_hash_set<std::string> known(ignored.begin(), ignored.end());
  for (const TensorRequest& request : requests) {
    known.insert(request.name);
    const TensorView* tensor = reader.Find(request.name);
    if (tensor == nullptr) {
      missing.push_back(request.name);
    } else {
      CheckOne(*tensor, request, wrong);
    }
  }
  for (const TensorView& tensor : reader.tensors()) {
    if (!known.contains(tensor.name) && !IsBuffer(tensor.name)) {
      unused.push_back(tensor.name);
    }
  }
  std::vector<std::string> faults;
  if (!missing.empty()) {
    faults.push_back(absl::StrCat("missing tensors: ", Shorten(missing)));
  }
  if (!wrong.empty()) faults.push_back(Shorten(wrong));
  if (!unused.empty()) {
    faults.push_back(absl::StrCat("tensors that config.json has no use for: ",
                                  Shorten(unused)));
  }
  if (faults.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("model weights: ", absl::StrJoin(faults, "; ")));
}

}  // namespace sluice::generator
