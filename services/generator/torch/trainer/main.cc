// sluice-train: learns a small Qwen2 model from token-id files.

#include <cstdio>
#include <exception>
#include <string>

#include "absl/status/statusor.h"
#include "services/generator/torch/trainer/config.h"
#include "services/generator/torch/trainer/trainer.h"

int main(int argc, char** argv) {
  const auto options = sluice::generator::ReadTrainerFlags(argc, argv);
  absl::Status status = options.status();
  try {
    if (status.ok()) status = sluice::generator::Train(*options);
  } catch (const std::exception& error) {
    status = absl::InternalError(error.what());
  }
  if (status.ok()) return 0;
  std::fprintf(stderr, "sluice-train: %s\n",
               std::string(status.message()).c_str());
  return 1;
}
