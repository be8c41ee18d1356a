#pragma once

// Every backend and instruction set of this build that this machine can run.

#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/generator/runner/model_runner.h"

namespace sluice::parity {

struct RunnerWish {
  std::string model_directory;
  int32_t positions = 0;  // that the pool must hold, at least
};

struct Backend {
  std::string name;  // "native" or "torch"
  std::string isa;   // "scalar", "avx2", ... ; "torch"
  // A float32 runner with float32 keys and values.
  std::function<absl::StatusOr<std::unique_ptr<generator::ModelRunner>>(
      const RunnerWish&)>
      make;
};

// Called by gtest to name a parameter.
void PrintTo(const Backend& backend, std::ostream* out);

std::vector<Backend> AvailableBackends();

// True when this build has the torch backend.
bool BuiltWithTorch();

}  // namespace sluice::parity
