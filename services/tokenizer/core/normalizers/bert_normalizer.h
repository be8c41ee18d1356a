#pragma once

// BertNormalizer: cleans, sets ideographs apart, strips accents, lowers.

#include <memory>

#include "absl/status/statusor.h"
#include "common/modelfiles/json.h"
#include "services/tokenizer/core/normalizers/normalizer.h"

namespace sluice::tokenizer {

absl::StatusOr<std::unique_ptr<Normalizer>> MakeBertNormalizer(
    const JsonValue& json);

}  // namespace sluice::tokenizer
