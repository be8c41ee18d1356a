// libFuzzer target: any bytes are a tokenizer.json that works, or are refused.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/base/check.h"
#include "common/modelfiles/json.h"
#include "services/tokenizer/core/tokenizer.h"
#include "tests/text/fuzz/tokenizer_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;  // NOLINT: a fuzzer's only function
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto document = JsonDocument::Parse(text, "tokenizer.json", JsonLimits{});
  if (!document.ok()) return 0;
  auto tokenizer = tokenizer::Tokenizer::FromJson(document->root());
  if (tokenizer.ok()) {
    tokenizer::CheckTokenizer(**tokenizer);
  } else {
    SLUICE_CHECK(!tokenizer.status().message().empty(), "a refusal says why");
  }
  return 0;
}
