// libFuzzer target: any bytes are a GGUF file whose tokenizer works, or are
// refused.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/modelfiles/gguf.h"
#include "common/vocabulary/gguf_tokenizer.h"
#include "services/tokenizer/core/tokenizer.h"
#include "tests/text/fuzz/tokenizer_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;  // NOLINT: a fuzzer's only function
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto file = GgufFile::Parse(bytes, "model.gguf");
  if (!file.ok()) return 0;
  auto document = TokenizerOfGguf(*file);
  if (!document.ok()) return 0;
  auto tokenizer = tokenizer::Tokenizer::FromJson(document->root());
  if (tokenizer.ok()) tokenizer::CheckTokenizer(**tokenizer);
  return 0;
}
