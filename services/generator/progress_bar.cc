#include "services/generator/progress_bar.h"

#include <unistd.h>

#include <cstdio>
#include <string>

namespace sluice::generator {
namespace {

constexpr int kWidth = 40;

void Draw(int percent, int64_t done_bytes, int64_t total_bytes) {
  const std::string filled(percent * kWidth / 100, '#');
  std::fprintf(stderr, "\r[%-*s] %3d%%  %.2f of %.2f GB", kWidth,
               filled.c_str(), percent, static_cast<double>(done_bytes) / 1e9,
               static_cast<double>(total_bytes) / 1e9);
  if (done_bytes == total_bytes) std::fputc('\n', stderr);
}

}  // namespace

ByteProgress TerminalProgressBar() {
  if (isatty(STDERR_FILENO) != 1) return nullptr;
  return [drawn = -1](int64_t done_bytes, int64_t total_bytes) mutable {
    const int percent =
        total_bytes == 0
            ? 100
            : static_cast<int>(static_cast<double>(done_bytes) * 100 /
                               static_cast<double>(total_bytes));
    if (percent == drawn) return;
    drawn = percent;
    Draw(percent, done_bytes, total_bytes);
  };
}

}  // namespace sluice::generator
