#pragma once

// Everything that a model directory gives to the service.

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/telemetry/log.h"
#include "common/vocabulary/vocabulary.h"
#include "services/generator/backend.h"
#include "services/generator/service/served_model.h"

namespace sluice::generator {

struct LoadOptions {
  std::string directory;
  std::string name;  // that clients use
  BackendOptions backend;
};

struct LoadPhase {
  std::string name;  // as LoadObserver has it, "vocabulary" besides
  double seconds = 0;
};

struct LoadedModel {
  std::unique_ptr<ModelRunner> runner;
  Vocabulary vocabulary;
  ServedModel served;
  double load_seconds = 0;
  std::vector<LoadPhase> phases;  // in order
};

// Logs what was loaded and what is odd about it.
// Errors: those of CreateRunner, ReadVocabulary, ReadEosIds and
// ReadSamplingDefaults.
absl::StatusOr<LoadedModel> LoadModel(const LoadOptions& options, Logger& log);

}  // namespace sluice::generator
