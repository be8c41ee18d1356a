// libFuzzer target: any bytes are a SentencePiece model that works, or are
// refused. The first byte chooses what the model directory says beside it.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/base/check.h"
#include "common/modelfiles/json.h"
#include "common/modelfiles/sentencepiece.h"
#include "common/vocabulary/sentencepiece_tokenizer.h"
#include "services/tokenizer/core/tokenizer.h"
#include "tests/text/fuzz/tokenizer_checks.h"

namespace sluice::tokenizer {
namespace {

constexpr std::string_view kConfigs[] = {
    "",
    R"({"tokenizer_class":"ChatGLMTokenizer"})",
    R"({"tokenizer_class":"LlamaTokenizer","add_eos_token":true})",
    R"({"added_tokens_decoder":{"0":{"content":"<unk>","special":true},)"
    R"("99":{"content":"<pad>","lstrip":true}}})",
};

void Check(uint8_t choice, std::string_view bytes) {
  auto model = ParseSentencePiece(bytes, "tokenizer.model");
  if (!model.ok()) return;
  const std::string_view text = kConfigs[choice % std::size(kConfigs)];
  std::optional<JsonDocument> config;
  std::optional<JsonValue> root;
  if (!text.empty()) {
    auto parsed = JsonDocument::Parse(text, "tokenizer_config.json", {});
    SLUICE_CHECK(parsed.ok(), "our own configuration parses");
    config = *std::move(parsed);
    root = config->root();
  }
  auto document = TokenizerOfSentencePiece(*model, "tokenizer.model", root);
  if (!document.ok()) return;
  auto tokenizer = Tokenizer::FromJson(document->root());
  if (tokenizer.ok()) CheckTokenizer(**tokenizer);
}

}  // namespace
}  // namespace sluice::tokenizer

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  sluice::tokenizer::Check(data[0],
                           {reinterpret_cast<const char*>(data + 1), size - 1});
  return 0;
}
