#pragma once

// What a model directory holds and whether it can be served.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/generator/models/model_config.h"

namespace sluice::generator {

struct ModelReport {
  ModelConfig config;
  int64_t parameters = 0;    // elements of the tensors that are used
  int64_t weight_bytes = 0;  // of the same, as stored
  std::map<std::string, int64_t> bytes_by_type;  // "BF16" -> bytes, all tensors
  int64_t kv_position_bytes = 0;     // keys and values of a position in bf16
  std::vector<std::string> missing;  // tensors that the decoder needs
  std::vector<std::string> wrong_shape;  // "NAME: got [..], wants [..]"
  std::vector<std::string> unused;       // tensors that nothing reads
  // The config asks for a head of its own and the files have none: the
  // embedding serves.
  bool head_falls_back = false;

  bool servable() const {
    return missing.empty() && wrong_shape.empty() && unused.empty();
  }
};

// Reads config.json and the headers of the weight files, not the weights.
// Errors: those of ReadModelConfig and SafetensorsReader::OpenDirectory.
absl::StatusOr<ModelReport> InspectModel(const std::string& directory);

// Lines for a person, each "name: value".
std::string FormatReport(const ModelReport& report);

// `sluice-generator inspect DIR`: returns the exit status, 1 when the model
// cannot be served.
int InspectCommand(const std::vector<std::string>& args);

}  // namespace sluice::generator
