#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice {

// A fresh folder, removed with all that is in it. CHECKs that it can be made.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  // Writes a file below it (folders are made) and returns its full path.
  std::string Write(std::string_view name, std::string_view contents) const;

 private:
  std::string path_;
};

// Full path of `name` below the golden data that is not in the repository
// (environment variable SLUICE_TESTDATA). nullopt when that is not set or has
// no such file; the test then says so with GTEST_SKIP.
std::optional<std::string> GoldenPath(std::string_view name);

}  // namespace sluice
