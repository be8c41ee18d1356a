#include "tests/text/fuzz/tokenizer_checks.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/check.h"
#include "common/base/utf8.h"
#include "common/vocabulary/stream_decoder.h"

namespace sluice::tokenizer {
namespace {

constexpr std::string_view kTexts[] = {
    "",
    "Hello, world! It's 12345 \u00bd of\n\n  \u4f60\u597d\uff0c\u4e16\u754c.",
    " \t<s>[MASK]e\u0301 \U0001f44d\U0001f3fd\u200d \ufb01\u0130\u017f\u00a0",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "\xff\xc3",
};

bool IsRefusal(const absl::Status& status) {
  return status.code() == absl::StatusCode::kInvalidArgument ||
         status.code() == absl::StatusCode::kResourceExhausted;
}

void CheckOffsets(const Encoding& encoding, std::string_view text) {
  SLUICE_CHECK(encoding.offsets.size() == encoding.ids.size(),
               "each id has its place");
  for (const ByteOffset& offset : encoding.offsets) {
    SLUICE_CHECK(offset.begin >= 0 && offset.begin <= offset.end &&
                     offset.end <= static_cast<int64_t>(text.size()),
                 "a place lies in the text");
  }
}

}  // namespace

std::string CheckedDecode(const Vocabulary& vocabulary,
                          absl::Span<const int32_t> ids, size_t step) {
  std::string whole;
  for (const bool skip : {true, false}) {
    whole = StreamDecoder(vocabulary, skip).Finish(ids);
    SLUICE_CHECK(IsValidUtf8(whole), "a text is whole UTF-8");
    StreamDecoder decoder(vocabulary, skip);
    std::string pieces;
    for (size_t at = 0; at < ids.size(); at += step) {
      const std::string piece = decoder.Push(ids.subspan(at, step));
      SLUICE_CHECK(IsValidUtf8(piece), "a piece is whole UTF-8");
      pieces += piece;
    }
    pieces += decoder.Finish();
    SLUICE_CHECK(pieces == whole, "pieces make the text");
  }
  return whole;
}

std::vector<int32_t> CheckedEncode(const Tokenizer& tokenizer,
                                   std::string_view text, bool parse_special) {
  const EncodeOptions options{.add_special_tokens = false,
                              .parse_special = parse_special};
  auto ids = tokenizer.Encode(text, options);
  const TextPart part{text, parse_special};
  auto of_parts = tokenizer.EncodeParts(absl::MakeConstSpan(&part, 1), false);
  auto placed = tokenizer.EncodeWithOffsets(text, options);
  SLUICE_CHECK(of_parts.ok() == ids.ok() && placed.ok() == ids.ok(),
               "every way of asking fails alike");
  if (!ids.ok()) {
    SLUICE_CHECK(IsRefusal(ids.status()), "a text is taken or refused");
    return {};
  }
  SLUICE_CHECK(IsValidUtf8(text), "what is not UTF-8 is refused");
  SLUICE_CHECK(*ids == *of_parts && *ids == placed->ids,
               "every way of asking gives the same ids");
  const int32_t size = tokenizer.vocabulary().size();
  SLUICE_CHECK(std::all_of(ids->begin(), ids->end(),
                           [size](int32_t id) { return id >= 0 && id < size; }),
               "an id is in the vocabulary");
  CheckOffsets(*placed, text);
  return *std::move(ids);
}

void CheckTokenizer(const Tokenizer& tokenizer) {
  for (std::string_view text : kTexts) {
    for (const bool parse_special : {true, false}) {
      const std::vector<int32_t> ids =
          CheckedEncode(tokenizer, text, parse_special);
      CheckedDecode(tokenizer.vocabulary(), ids, 1);
    }
    auto whole = tokenizer.Encode(text, EncodeOptions{});
    auto pair = tokenizer.EncodePair(text, kTexts[1], EncodeOptions{});
    if (whole.ok()) CheckedDecode(tokenizer.vocabulary(), *whole, 2);
    if (pair.ok()) CheckedDecode(tokenizer.vocabulary(), *pair, 3);
  }
  std::vector<int32_t> every = {-1, 1 << 30};
  for (int32_t id = 0; id <= std::min(tokenizer.vocabulary().size(), 300);
       ++id) {
    every.push_back(id);
  }
  CheckedDecode(tokenizer.vocabulary(), every, 1);
}

}  // namespace sluice::tokenizer
