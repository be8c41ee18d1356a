#pragma once

// Writes a trained model as an ordinary Hugging Face directory.

#include <string>

#include "absl/status/status.h"
#include "services/generator/torch/trainer/model.h"

namespace sluice::generator {

// Marks that end a text and a message.
struct SpecialIds {
  int64_t end_of_text = 0;
  int64_t message_end = 0;
};

// config.json, generation_config.json and model.safetensors in bf16.
// Errors: INTERNAL when a file cannot be written.
absl::Status ExportModel(const std::string& directory, const ModelShape& shape,
                         const SpecialIds& ids, const TrainableModel& model);

}  // namespace sluice::generator
