#include <cstdio>
#include <iostream>

#include "bench/engine/config.h"
#include "bench/engine/engine_bench.h"
#include "common/base/status_macros.h"

namespace sluice::bench {
namespace {

absl::Status Main(int argc, char** argv) {
  ASSIGN_OR_RETURN(const EngineBenchOptions options, ParseConfig(argc, argv));
  if (options.serve) return ServeEngineBench(options, std::cin, std::cout);
  return RunEngineBench(options);
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
