#pragma once

// NFC, NFD, NFKC and NFKD as the Hugging Face library has them: by the tables
// of Unicode 9, so that characters assigned since stay as they are. And lower
// case, by the tables of Unicode 17.

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/tokenizer/core/normalizers/normalizer.h"

namespace sluice::tokenizer {

enum class UnicodeForm { kNfc, kNfd, kNfkc, kNfkd };

absl::StatusOr<std::unique_ptr<Normalizer>> MakeUnicodeForm(UnicodeForm form);
// Each character alone, whatever stands around it.
std::unique_ptr<Normalizer> MakeLowercase();

}  // namespace sluice::tokenizer
