#include <cstdio>
#include <string>

#include "bench/peers/gguf/config.h"
#include "bench/peers/gguf/gguf_export.h"
#include "common/base/status_macros.h"

namespace sluice::bench {
namespace {

absl::Status Main(int argc, char** argv) {
  ASSIGN_OR_RETURN(const GgufExportOptions options, ParseConfig(argc, argv));
  return ExportGguf(options);
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  const absl::Status status = sluice::bench::Main(argc, argv);
  if (status.ok()) return 0;
  const std::string message(status.message());
  std::fprintf(stderr, "%s\n", message.c_str());
  return 1;
}
