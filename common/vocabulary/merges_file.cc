#include "common/vocabulary/merges_file.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/json_quote.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"
#include "common/modelfiles/directory.h"
#include "common/vocabulary/added_tokens_config.h"

namespace sluice {
namespace {

constexpr size_t kMaxFileBytes = size_t{256} << 20;

#define SLUICE_SPLIT_TAIL                                                \
  R"(| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},)" \
  R"("behavior":"Isolated","invert":false},)"                            \
  R"({"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]})"
#define SLUICE_SPLIT_HEAD                                                   \
  R"("pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split",)" \
  R"("pattern":{"Regex":"(?i:'s|'t|'re|'ve|'m|'ll|'d)|)"                    \
  R"([^\\r\\n\\p{L}\\p{N}]?\\p{L}+|)"

struct Family {
  std::string_view name;
  std::string_view rules;
};
constexpr Family kFamilies[] = {
    {"gpt2",
     R"("pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false})"},
    {"qwen2", R"("normalizer":{"type":"NFC"},)" SLUICE_SPLIT_HEAD
              R"(\\p{N})" SLUICE_SPLIT_TAIL},
    {"llama3", SLUICE_SPLIT_HEAD R"(\\p{N}{1,3})" SLUICE_SPLIT_TAIL},
    {"falcon", R"("pre_tokenizer":{"type":"Sequence","pretokenizers":[)"
               R"({"type":"Punctuation","behavior":"Contiguous"},)"
               R"({"type":"ByteLevel","add_prefix_space":false},)"
               R"({"type":"Digits","individual_digits":false},)"
               R"({"type":"Split","pattern":{"Regex":"[0-9][0-9][0-9]"},)"
               R"("behavior":"Isolated","invert":false}]})"},
#include "common/vocabulary/family_rules.inc"
};

#undef SLUICE_SPLIT_HEAD
#undef SLUICE_SPLIT_TAIL

struct ClassFamily {
  std::string_view tokenizer_class;
  std::string_view family;
};
constexpr ClassFamily kClasses[] = {
    {"GPT2Tokenizer", "gpt2"},    {"GPT2TokenizerFast", "gpt2"},
    {"CodeGenTokenizer", "gpt2"}, {"CodeGenTokenizerFast", "gpt2"},
    {"Qwen2Tokenizer", "qwen2"},  {"Qwen2TokenizerFast", "qwen2"},
};

// Lines "left right" as [["left","right"],...].
absl::StatusOr<std::string> MergesJson(std::string_view text) {
  if (!IsValidUtf8(text)) {
    return absl::InvalidArgumentError("merges.txt: not UTF-8");
  }
  std::string out = "[";
  size_t line_number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++line_number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with("#version")) continue;
    const size_t space = line.find(' ');
    if (space == std::string_view::npos || space != line.rfind(' ')) {
      return absl::InvalidArgumentError(
          absl::StrCat("merges.txt: line ", line_number,
                       ": a merge must be two tokens with one space between"));
    }
    if (out.size() > 1) out += ",";
    out += "[";
    AppendJsonQuoted(line.substr(0, space), out);
    out += ",";
    AppendJsonQuoted(line.substr(space + 1), out);
    out += "]";
  }
  return out + "]";
}

absl::StatusOr<std::string_view> RulesOf(const JsonValue& config) {
  ASSIGN_OR_RETURN(std::string_view name,
                   config.GetStringOr("tokenizer_class", "GPT2Tokenizer"));
  for (const ClassFamily& known : kClasses) {
    if (known.tokenizer_class == name) return ByteLevelRules(known.family);
  }
  return absl::UnimplementedError(
      absl::StrCat("tokenizer_config.json: tokenizer_class: \"",
                   absl::string_view(name.data(), name.size()),
                   "\" without a tokenizer.json is not supported"));
}

}  // namespace

std::string_view ByteLevelRules(std::string_view family) {
  for (const Family& known : kFamilies) {
    if (known.name == family) return known.rules;
  }
  return {};
}

absl::StatusOr<JsonDocument> TokenizerOfMergesFiles(
    const std::string& vocab, std::string_view merges_text,
    std::string_view config_text) {
  ASSIGN_OR_RETURN(std::string merges, MergesJson(merges_text));
  ASSIGN_OR_RETURN(
      JsonDocument config,
      JsonDocument::Parse(config_text, "tokenizer_config.json", JsonLimits{}));
  // Parsed alone first: its text is then one JSON value and no more.
  RETURN_IF_ERROR(
      JsonDocument::Parse(vocab, "vocab.json", JsonLimits{}).status());
  ASSIGN_OR_RETURN(std::string_view rules, RulesOf(config.root()));
  ASSIGN_OR_RETURN(std::string added, AddedTokensOfConfig(config.root()));
  return JsonDocument::Parse(
      absl::StrCat("{\"added_tokens\":", added, ",",
                   absl::string_view(rules.data(), rules.size()),
                   R"(,"decoder":{"type":"ByteLevel"},"model":{"type":"BPE",)"
                   R"("vocab":)",
                   vocab, ",\"merges\":", merges, "}}"),
      "vocab.json", JsonLimits{});
}

absl::StatusOr<JsonDocument> ReadMergesFiles(const std::string& directory) {
  ASSIGN_OR_RETURN(std::string vocab,
                   ReadWholeFile(directory + "/vocab.json", kMaxFileBytes));
  ASSIGN_OR_RETURN(std::string merges,
                   ReadWholeFile(directory + "/merges.txt", kMaxFileBytes));
  std::error_code error;
  std::string config = "{}";
  const std::string config_path = directory + "/tokenizer_config.json";
  if (std::filesystem::exists(config_path, error)) {
    ASSIGN_OR_RETURN(config, ReadWholeFile(config_path, kMaxFileBytes));
  }
  return TokenizerOfMergesFiles(vocab, merges, config);
}

}  // namespace sluice
