#include "common/testing/test_files.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "common/base/check.h"
#include "common/base/file.h"

namespace sluice {

namespace fs = std::filesystem;

TempDir::TempDir() {
  std::string pattern = (fs::temp_directory_path() / "sluice.XXXXXX").string();
  SLUICE_CHECK(::mkdtemp(pattern.data()) != nullptr, "cannot make a folder");
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string TempDir::Write(std::string_view name,
                           std::string_view contents) const {
  const fs::path file = fs::path(path_) / name;
  fs::create_directories(file.parent_path());
  const absl::Status status = WriteFileAtomically(file.string(), contents);
  SLUICE_CHECK(status.ok(), status.ToString());
  return file.string();
}

std::optional<std::string> GoldenPath(std::string_view name) {
  const char* folder = std::getenv("SLUICE_TESTDATA");
  if (folder == nullptr || *folder == '\0') return std::nullopt;
  const fs::path path = fs::path(folder) / name;
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::nullopt;
  return path.string();
}

}  // namespace sluice
