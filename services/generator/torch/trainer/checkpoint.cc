#include "services/generator/torch/trainer/checkpoint.h"

#include <filesystem>

#include "absl/strings/str_cat.h"

namespace sluice::generator {
namespace {

// Reading into a tensor that was read before would overwrite its storage.
torch::Tensor Read(torch::serialize::InputArchive& archive,
                   const std::string& name) {
  torch::Tensor value;
  archive.read(name, value);
  return value;
}

}  // namespace

absl::Status SaveCheckpoint(const std::string& path, Progressed progressed,
                            const std::vector<torch::Tensor>& tensors) {
  const std::string temporary = path + ".tmp";
  try {
    torch::serialize::OutputArchive archive;
    archive.write("step", torch::tensor(progressed.step));
    archive.write("minutes",
                  torch::tensor(progressed.minutes, torch::kFloat64));
    archive.write("count", torch::tensor(static_cast<int64_t>(tensors.size())));
    for (size_t i = 0; i < tensors.size(); ++i) {
      archive.write(absl::StrCat("t", i), tensors[i].detach());
    }
    archive.save_to(temporary);
    std::filesystem::rename(temporary, path);
  } catch (const std::exception& error) {
    return absl::InternalError(
        absl::StrCat(path, ": cannot be written: ", error.what()));
  }
  return absl::OkStatus();
}

absl::StatusOr<Progressed> LoadCheckpoint(
    const std::string& path, const std::vector<torch::Tensor>& tensors) {
  if (!std::filesystem::exists(path)) {
    return absl::NotFoundError(absl::StrCat(path, ": not there"));
  }
  torch::NoGradGuard no_gradient;
  Progressed progressed;
  try {
    torch::serialize::InputArchive archive;
    archive.load_from(path);
    const auto count = Read(archive, "count").item<int64_t>();
    if (count != static_cast<int64_t>(tensors.size())) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": ", count, " tensors, wanted ", tensors.size()));
    }
    progressed.step = Read(archive, "step").item<int64_t>();
    progressed.minutes = Read(archive, "minutes").item<double>();
    for (size_t i = 0; i < tensors.size(); ++i) {
      const torch::Tensor value = Read(archive, absl::StrCat("t", i));
      if (value.sizes() != tensors[i].sizes()) {
        return absl::InvalidArgumentError(
            absl::StrCat(path, ": tensor ", i, " has another shape"));
      }
      torch::Tensor(tensors[i]).copy_(value);
    }
  } catch (const c10::Error& error) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": cannot be read: ", error.what_without_backtrace()));
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": cannot be read: ", error.what()));
  }
  return progressed;
}

}  // namespace sluice::generator
