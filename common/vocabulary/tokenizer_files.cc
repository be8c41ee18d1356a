#include "common/vocabulary/tokenizer_files.h"

namespace sluice {

absl::StatusOr<JsonDocument> ReadTokenizerJson(const std::string& directory) {
  return ReadTokenizerFile(directory + "/tokenizer.json");
}

absl::StatusOr<JsonDocument> ReadTokenizerFile(const std::string& path) {
  return JsonDocument::ReadFile(path, JsonLimits{});
}

}  // namespace sluice
