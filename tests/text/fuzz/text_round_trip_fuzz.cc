// libFuzzer target: texts through small tokenizers of every kind and back,
// random ids through their decoders, and the hand-written scanners against a
// pattern engine. The first bytes choose the tokenizer, the pattern and where
// to cut.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/check.h"
#include "common/base/utf8.h"
#include "services/tokenizer/core/pre_tokenizers/family_scanners.h"
#include "services/tokenizer/core/pre_tokenizers/match_splitter.h"
#include "services/tokenizer/core/pre_tokenizers/scanners.h"
#include "tests/text/fuzz/small_tokenizers.h"
#include "tests/text/fuzz/tokenizer_checks.h"

namespace sluice::tokenizer {
namespace {

struct Rivals {
  std::unique_ptr<Splitter> scanner;
  std::unique_ptr<Splitter> engine;
};

std::vector<Rivals> MakeRivals() {
  std::vector<Rivals> all;
  for (std::string_view pattern :
       {kGpt2Pattern, kQwen2Pattern, kLlama3Pattern, kDeepseekNumbersPattern,
        kDeepseekIdeographsPattern, kDeepseekWordsPattern, kNewlinePattern,
        kSpacedLettersPattern, kSpacedPunctuationPattern, kYoutuPattern,
        kO200kPattern}) {
    auto compiled = Pattern::Regex(pattern);
    SLUICE_CHECK(compiled.ok(), "a known pattern compiles");
    all.push_back({MakeScanner(pattern),
                   MakePatternSplitter(*std::move(compiled),
                                       SplitBehavior::kIsolated, false)});
    SLUICE_CHECK(all.back().scanner != nullptr, "a known pattern has one");
  }
  return all;
}

void CheckScanner(const Rivals& rivals, std::string_view text) {
  if (!IsValidUtf8(text) || text.empty()) return;
  const Piece whole{0, static_cast<uint32_t>(text.size())};
  std::vector<Piece> scanned;
  std::vector<Piece> matched;
  SLUICE_CHECK(rivals.scanner->Split(text, whole, scanned).ok(),
               "a scanner takes every text");
  if (!rivals.engine->Split(text, whole, matched).ok()) return;
  SLUICE_CHECK(scanned.size() == matched.size(), "as many pieces");
  for (size_t i = 0; i < scanned.size(); ++i) {
    SLUICE_CHECK(scanned[i].begin == matched[i].begin &&
                     scanned[i].end == matched[i].end,
                 "the scanner cuts as the engine does");
  }
}

// Ids of two bytes each, some of them outside every vocabulary.
std::vector<int32_t> IdsIn(std::string_view bytes) {
  std::vector<int32_t> ids;
  for (size_t at = 0; at + 1 < bytes.size(); at += 2) {
    ids.push_back((static_cast<uint8_t>(bytes[at]) << 8 |
                   static_cast<uint8_t>(bytes[at + 1])) %
                      512 -
                  4);
  }
  return ids;
}

void CheckRoundTrip(const SmallTokenizer& small, std::string_view text,
                    size_t step) {
  const Tokenizer& tokenizer = *small.tokenizer;
  CheckedEncode(tokenizer, text, true);
  const std::vector<int32_t> ids = CheckedEncode(tokenizer, text, false);
  const std::string back = CheckedDecode(tokenizer.vocabulary(), ids, step);
  if (small.round_trip == RoundTrip::kLossy || !IsValidUtf8(text)) return;
  if (small.round_trip == RoundTrip::kSame) {
    SLUICE_CHECK(back == text, "a text comes back to the byte");
    return;
  }
  const std::vector<int32_t> again = CheckedEncode(tokenizer, back, false);
  SLUICE_CHECK(CheckedDecode(tokenizer.vocabulary(), again, step) == back,
               "a normalised text comes back to the byte");
}

// What is made once and lent to every run.
struct Bench {
  std::vector<SmallTokenizer> tokenizers = MakeSmallTokenizers();
  std::vector<Rivals> rivals = MakeRivals();
};

void Check(const uint8_t* data, size_t size) {
  static const Bench bench;  // libFuzzer has no other place for it
  if (size < 3) return;
  const std::string_view text(reinterpret_cast<const char*>(data + 3),
                              size - 3);
  const SmallTokenizer& small =
      bench.tokenizers[data[0] % bench.tokenizers.size()];
  const size_t step = 1 + data[2] % 8;
  CheckRoundTrip(small, text, step);
  CheckedDecode(small.tokenizer->vocabulary(), IdsIn(text), step);
  CheckScanner(bench.rivals[data[1] % bench.rivals.size()], text);
}

}  // namespace
}  // namespace sluice::tokenizer

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sluice::tokenizer::Check(data, size);
  return 0;
}
