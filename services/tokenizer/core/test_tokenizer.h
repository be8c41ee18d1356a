#pragma once

// For tests: a small byte-level tokenizer.json, put together in memory. Byte b
// has id b, merge i makes id 256 + i, added tokens follow in their order.

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/json_quote.h"
#include "common/vocabulary/byte_alphabet.h"

namespace sluice::tokenizer {

struct TestTokenizer {
  struct Merge {
    std::string left;  // bytes, as is the right
    std::string right;
  };
  std::vector<Merge> merges = {
      {"h", "e"}, {"l", "l"}, {"he", "ll"}, {"hell", "o"}, {" ", "w"}};
  // Objects without their id, for example R"("content":"<s>","special":true)".
  std::vector<std::string> added = {
      R"("content":"<|im_start|>","special":true,"normalized":false)",
      R"("content":"<|im_end|>","special":true,"normalized":false)"};
  std::string normalizer = R"({"type":"NFC"})";
  std::string pre_tokenizer =
      R"({"type":"ByteLevel","add_prefix_space":false})";
  std::string post_processor = "null";
  std::string decoder = R"({"type":"ByteLevel"})";
  std::string model_options = R"("type":"BPE")";

  int first_added() const { return 256 + static_cast<int>(merges.size()); }

  std::string Json() const {
    const ByteAlphabet alphabet;
    const auto quoted = [&](std::string_view bytes) {
      return JsonQuote(alphabet.SpellingOf(bytes));
    };
    std::string vocab;
    for (int byte = 0; byte < 256; ++byte) {
      const char c = static_cast<char>(byte);
      absl::StrAppend(&vocab, byte == 0 ? "" : ",",
                      quoted(std::string_view(&c, 1)), ":", byte);
    }
    std::string list;
    int id = 256;
    for (const Merge& merge : merges) {
      absl::StrAppend(&vocab, ",", quoted(merge.left + merge.right), ":", id++);
      absl::StrAppend(&list, list.empty() ? "" : ",", "[", quoted(merge.left),
                      ",", quoted(merge.right), "]");
    }
    std::string tokens;
    for (const std::string& token : added) {
      absl::StrAppend(&tokens, tokens.empty() ? "" : ",", "{\"id\":", id++, ",",
                      token, "}");
    }
    return absl::StrCat("{\"added_tokens\":[", tokens,
                        "],\"normalizer\":", normalizer,
                        ",\"pre_tokenizer\":", pre_tokenizer,
                        ",\"post_processor\":", post_processor,
                        ",\"decoder\":", decoder, ",\"model\":{", model_options,
                        ",\"vocab\":{", vocab, "},\"merges\":[", list, "]}}");
  }
};

}  // namespace sluice::tokenizer
