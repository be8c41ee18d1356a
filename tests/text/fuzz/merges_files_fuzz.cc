// libFuzzer target: any three texts are a vocab.json, a merges.txt and a
// tokenizer_config.json that work, or are refused. Zero bytes part them.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/vocabulary/merges_file.h"
#include "services/tokenizer/core/tokenizer.h"
#include "tests/text/fuzz/tokenizer_checks.h"

namespace {

// The text up to the next zero byte, taken off `rest`.
std::string_view Take(std::string_view& rest) {
  const size_t end = rest.find('\0');
  const std::string_view text = rest.substr(0, end);
  rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;  // NOLINT: a fuzzer's only function
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string vocab(Take(rest));
  const std::string_view merges = Take(rest);
  auto document = TokenizerOfMergesFiles(vocab, merges, rest);
  if (!document.ok()) return 0;
  auto tokenizer = tokenizer::Tokenizer::FromJson(document->root());
  if (tokenizer.ok()) tokenizer::CheckTokenizer(**tokenizer);
  return 0;
}
