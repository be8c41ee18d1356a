#include "tests/text/fuzz/small_tokenizers.h"

#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/check.h"
#include "common/base/json_quote.h"
#include "common/modelfiles/json.h"
#include "common/modelfiles/sentencepiece.h"
#include "common/vocabulary/merges_file.h"
#include "common/vocabulary/sentencepiece_tokenizer.h"
#include "services/tokenizer/core/pre_tokenizers/family_scanners.h"
#include "services/tokenizer/core/test_tokenizer.h"

namespace sluice::tokenizer {
namespace {

constexpr std::string_view kPieces[] = {
    "\u2581", "a",         "b",      "e",       "l",
    "o",      "t",         "h",      "\u2581t", "th",
    "he",     "ll",        "lo",     "aa",      "aaa",
    "the",    "\u2581the", "\u4f60", "\u597d",  "\u4f60\u597d",
    "\u0301", "1",         "2",      "12"};

std::unique_ptr<Tokenizer> Load(const JsonDocument& document) {
  auto tokenizer = Tokenizer::FromJson(document.root());
  SLUICE_CHECK(tokenizer.ok(), std::string(tokenizer.status().message()));
  return *std::move(tokenizer);
}

std::unique_ptr<Tokenizer> LoadText(const std::string& json) {
  auto document = JsonDocument::Parse(json, "tokenizer.json", JsonLimits{});
  SLUICE_CHECK(document.ok(), std::string(document.status().message()));
  return Load(*document);
}

TestTokenizer ByteLevel() {
  TestTokenizer file;
  file.normalizer = "null";
  file.merges = {{"t", "h"},           {"th", "e"},  {" ", "t"},
                 {" t", "h"},          {" th", "e"}, {"l", "l"},
                 {"a", "a"},           {"aa", "aa"}, {"\xe4", "\xbd"},
                 {"\xe4\xbd", "\xa0"}, {"1", "2"},   {" ", " "},
                 {"  ", "  "},         {"\n", "\n"}};
  return file;
}

// The rules of a named family around the same few merges.
SmallTokenizer OfFamily(const std::string& family) {
  TestTokenizer file = ByteLevel();
  std::string_view rules = ByteLevelRules(family);
  constexpr std::string_view kKey = "\"pre_tokenizer\":";
  const size_t at = rules.find(kKey);
  SLUICE_CHECK(at != std::string_view::npos, "a family has a pre-tokenizer");
  file.pre_tokenizer = std::string(rules.substr(at + kKey.size()));
  const bool composes = at > 0;
  if (composes) file.normalizer = R"({"type":"NFC"})";
  if (family == "llama3") {
    file.model_options = R"("type":"BPE","ignore_merges":true)";
  }
  return {family, composes ? RoundTrip::kNormalised : RoundTrip::kSame,
          LoadText(file.Json())};
}

SmallTokenizer O200k() {
  TestTokenizer file = ByteLevel();
  file.pre_tokenizer = absl::StrCat(
      R"({"type":"Sequence","pretokenizers":[{"type":"Split",)"
      R"("behavior":"Isolated","pattern":{"Regex":)",
      JsonQuote(kO200kPattern),
      R"(}},{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]})");
  return {"o200k", RoundTrip::kSame, LoadText(file.Json())};
}

// Added tokens with every demand on what stands around them.
SmallTokenizer AddedTokens() {
  TestTokenizer file = ByteLevel();
  file.added = {
      R"("content":"<s>","special":true,"normalized":false)",
      R"("content":"<mask>","special":true,"lstrip":true,"normalized":false)",
      R"("content":"the","single_word":true,"normalized":false)",
      R"("content":" a","rstrip":true,"lstrip":true)",
      R"("content":"AA","normalized":true,"rstrip":true)",
      R"("content":"<s><s>","normalized":false)"};
  file.normalizer =
      R"({"type":"Sequence","normalizers":[{"type":"Lowercase"},)"
      R"({"type":"Strip","strip_left":true,"strip_right":true},)"
      R"({"type":"Replace","pattern":{"Regex":"l+"},"content":"L "},)"
      R"({"type":"Prepend","prepend":"_"}]})";
  return {"added tokens", RoundTrip::kLossy, LoadText(file.Json())};
}

// Every splitter, one behind the other.
SmallTokenizer Splitters() {
  TestTokenizer file = ByteLevel();
  file.normalizer =
      R"({"type":"Sequence","normalizers":[{"type":"NFKD"},)"
      R"({"type":"StripAccents"},{"type":"Nmt"},{"type":"NFKC"}]})";
  file.pre_tokenizer =
      R"({"type":"Sequence","pretokenizers":[{"type":"UnicodeScripts"},)"
      R"({"type":"Digits","individual_digits":false},)"
      R"({"type":"Punctuation","behavior":"MergedWithNext"},)"
      R"({"type":"CharDelimiterSplit","delimiter":"-"},)"
      R"({"type":"Split","pattern":{"Regex":"(?<=a)b|\\s+$"},)"
      R"("behavior":"MergedWithPrevious","invert":false},)"
      R"({"type":"Split","pattern":{"String":"l"},"behavior":"Contiguous",)"
      R"("invert":true},{"type":"FixedLength","length":7},)"
      R"({"type":"Metaspace","replacement":"_","prepend_scheme":"first"},)"
      R"({"type":"ByteLevel","add_prefix_space":true}]})";
  return {"splitters", RoundTrip::kLossy, LoadText(file.Json())};
}

// "<0x00>":3, ... and then the small pieces, or the same as scored pairs.
std::string Vocabulary(bool scored) {
  std::string out;
  int id = 0;
  const auto add = [&](std::string_view text) {
    absl::StrAppend(&out, id == 0 ? "" : ",", scored ? "[" : "",
                    JsonQuote(text), scored ? "," : ":",
                    scored ? -id * 0.25 : id, scored ? "]" : "");
    ++id;
  };
  for (const char* special : {"<unk>", "<s>", "</s>"}) add(special);
  for (int byte = 0; byte < 256; ++byte) {
    add(std::string(absl::StrFormat("<0x%02X>", byte)));
  }
  for (std::string_view piece : kPieces) add(piece);
  return out;
}

// As Llama 2 has it: no pre-tokenizer, one word of the whole text.
SmallTokenizer Llama2() {
  return {"llama2", RoundTrip::kNormalised,
          LoadText(absl::StrCat(
              R"({"added_tokens":[{"id":1,"content":"<s>","special":true,)"
              R"("normalized":true}],"normalizer":{"type":"Sequence",)"
              R"("normalizers":[{"type":"Prepend","prepend":"\u2581"},)"
              R"({"type":"Replace","pattern":{"String":" "},)"
              R"("content":"\u2581"}]},"decoder":{"type":"Sequence",)"
              R"("decoders":[{"type":"Replace","pattern":{"String":"\u2581"},)"
              R"("content":" "},{"type":"ByteFallback"},{"type":"Fuse"},)"
              R"({"type":"Strip","content":" ","start":1,"stop":0}]},)"
              R"("model":{"type":"BPE","unk_token":"<unk>","fuse_unk":true,)"
              R"("byte_fallback":true,"vocab":{)",
              Vocabulary(false),
              R"(},"merges":["t h","h e","th e","\u2581 t","\u2581t he",)"
              R"("l l","l o","a a","aa a","\u4f60 \u597d","1 2"]}})"))};
}

SmallTokenizer Unigram() {
  return {"unigram", RoundTrip::kLossy,
          LoadText(absl::StrCat(
              R"({"normalizer":{"type":"NFKC"},"pre_tokenizer":)"
              R"({"type":"Metaspace","replacement":"\u2581",)"
              R"("prepend_scheme":"always"},"decoder":{"type":"Metaspace",)"
              R"("replacement":"\u2581","prepend_scheme":"always"},)"
              R"("model":{"type":"Unigram","unk_id":0,"byte_fallback":true,)"
              R"("vocab":[)",
              Vocabulary(true), "]}}"))};
}

SmallTokenizer WordPiece() {
  return {
      "wordpiece", RoundTrip::kLossy,
      LoadText(
          R"({"normalizer":{"type":"BertNormalizer","clean_text":true,)"
          R"("handle_chinese_chars":true,"strip_accents":null,)"
          R"("lowercase":true},"pre_tokenizer":)"
          R"({"type":"BertPreTokenizer"},"post_processor":)"
          R"({"type":"BertProcessing","sep":["[SEP]",2],"cls":["[CLS]",1]},)"
          R"("decoder":{"type":"WordPiece","prefix":"##","cleanup":true},)"
          R"("model":{"type":"WordPiece","unk_token":"[UNK]",)"
          R"("continuing_subword_prefix":"##",)"
          R"("max_input_chars_per_word":20,"vocab":{"[UNK]":0,"[CLS]":1,)"
          R"("[SEP]":2,"the":3,"a":4,"##a":5,"##e":6,"h":7,"##l":8,)"
          R"("##lo":9,"\u4f60":10,"\u597d":11,".":12,"'":13,"##s":14}}})")};
}

SmallTokenizer WordLevel() {
  return {"wordlevel", RoundTrip::kLossy,
          LoadText(R"({"pre_tokenizer":{"type":"Whitespace"},"decoder":null,)"
                   R"("model":{"type":"WordLevel","unk_token":"<unk>",)"
                   R"("vocab":{"<unk>":0,"the":1,"a":2,"hello":3,".":4}}})")};
}

SmallTokenizer SentencePieceModelOf(SentencePieceAlgorithm algorithm) {
  SentencePieceModel model;
  model.algorithm = algorithm;
  model.byte_fallback = true;
  model.remove_extra_whitespaces = false;
  model.pieces = {{"<unk>", 0, PieceKind::kUnknown},
                  {"<s>", 0, PieceKind::kControl},
                  {"</s>", 0, PieceKind::kControl},
                  {"<tool>", 0, PieceKind::kUserDefined},
                  {"heth", -1, PieceKind::kUnused}};
  for (int byte = 0; byte < 256; ++byte) {
    model.pieces.push_back(
        {std::string(absl::StrFormat("<0x%02X>", byte)), 0, PieceKind::kByte});
  }
  for (std::string_view piece : kPieces) {
    const auto score = -static_cast<float>(model.pieces.size());
    model.pieces.push_back({std::string(piece), score, PieceKind::kNormal});
  }
  auto document =
      TokenizerOfSentencePiece(model, "tokenizer.model", std::nullopt);
  SLUICE_CHECK(document.ok(), std::string(document.status().message()));
  const bool bpe = algorithm == SentencePieceAlgorithm::kBpe;
  return {bpe ? "sentencepiece bpe" : "sentencepiece unigram",
          RoundTrip::kNormalised, Load(*document)};
}

}  // namespace

std::vector<SmallTokenizer> MakeSmallTokenizers() {
  std::vector<SmallTokenizer> all;
  for (const char* family :
       {"gpt2", "qwen2", "llama3", "falcon", "deepseek-llm", "deepseek-coder",
        "deepseek-v3", "youtu"}) {
    all.push_back(OfFamily(family));
  }
  all.push_back(O200k());
  all.push_back(AddedTokens());
  all.push_back(Splitters());
  all.push_back(Llama2());
  all.push_back(Unigram());
  all.push_back(WordPiece());
  all.push_back(WordLevel());
  all.push_back(SentencePieceModelOf(SentencePieceAlgorithm::kBpe));
  all.push_back(SentencePieceModelOf(SentencePieceAlgorithm::kUnigram));
  return all;
}

}  // namespace sluice::tokenizer
