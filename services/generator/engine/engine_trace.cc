#include "services/generator/engine/engine_trace.h"

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/json_quote.h"
#include "common/base/status_table.h"

namespace sluice::generator {
namespace {

// A line is whole in the file when the call returns: readers follow it.
void WriteLine(const std::string& line, std::FILE* file) {
  std::fwrite(line.data(), 1, line.size(), file);
  std::fflush(file);
}

}  // namespace

absl::StatusOr<std::unique_ptr<EngineTrace>> EngineTrace::Open(
    const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "we");
  if (file == nullptr) {
    return FieldError("engine_trace", "cannot be written", path,
                      std::strerror(errno));
  }
  return std::unique_ptr<EngineTrace>(new EngineTrace(file));
}

EngineTrace::~EngineTrace() { std::fclose(file_); }

void EngineTrace::AddStep(const Step& step) {
  WriteLine(
      absl::StrCat(R"({"kind":"step","began":)", step.began, R"(,"ended":)",
                   step.ended, R"(,"decode_rows":)", step.decode_rows,
                   R"(,"prefill_rows":)", step.prefill_rows, "}\n"),
      file_);
}

void EngineTrace::AddEnd(const End& end) {
  const char* phase = end.decoding  ? "decode"
                      : end.started ? "prefill"
                                    : "queued";
  WriteLine(
      absl::StrCat(R"({"kind":"end","request_id":)", JsonQuote(end.request_id),
                   R"(,"code":")", std::string(CodeName(end.code)),
                   R"(","phase":")", phase, R"(","at":)", end.at,
                   R"(,"active_blocks":)", end.active_blocks, "}\n"),
      file_);
}

}  // namespace sluice::generator
