#include "clients/cli/terminal.h"

#include <unistd.h>

#include <array>

namespace sluice::cli {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

bool IsControl(unsigned char c) {
  return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7F;
}

}  // namespace

Terminals DetectTerminals() {
  return {::isatty(STDOUT_FILENO) == 1, ::isatty(STDERR_FILENO) == 1};
}

std::string SafeForTerminal(std::string_view text) {
  std::string safe;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    // C1 controls are C2 80 to C2 9F in UTF-8.
    const bool c1 = c == 0xC2 && i + 1 < text.size() &&
                    static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (IsControl(c) || c1) {
      safe += kReplacement;
      if (c1) ++i;
    } else {
      safe += text[i];
    }
  }
  return safe;
}

std::string Coloured(std::string_view text, size_t index) {
  static constexpr std::array<std::string_view, 6> kBackgrounds = {
      "\x1b[48;5;24m", "\x1b[48;5;58m",  "\x1b[48;5;53m",
      "\x1b[48;5;22m", "\x1b[48;5;130m", "\x1b[48;5;60m"};
  std::string out(kBackgrounds[index % kBackgrounds.size()]);
  out += text;
  return out + "\x1b[0m";
}

std::string Dim(std::string_view text) {
  return "\x1b[2m" + std::string(text) + "\x1b[0m";
}

}  // namespace sluice::cli
