#include "services/tokenizer/core/pre_tokenizers/pre_tokenizer.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/vocabulary/utf8.h"
#include "services/tokenizer/core/pre_tokenizers/match_splitter.h"
#include "services/tokenizer/core/pre_tokenizers/scanners.h"
#include "services/tokenizer/core/pre_tokenizers/text_steps.h"
#include "services/tokenizer/core/pre_tokenizers/word_splitters.h"
#include "services/tokenizer/core/unicode/char_classes.h"

namespace sluice::tokenizer {
namespace {

constexpr int64_t kMaxFixedLength = 1 << 20;

// Cuts pieces without changing the text.
class SplitStep final : public PreTokenizerStep {
 public:
  explicit SplitStep(std::unique_ptr<Splitter> splitter)
      : splitter_(std::move(splitter)) {}
  absl::Status Run(PreTokenized& job) const override {
    std::vector<Piece> finer;
    finer.reserve(job.pieces.size());
    for (const Piece& piece : job.pieces) {
      RETURN_IF_ERROR(splitter_->Split(job.text.text(), piece, finer));
    }
    job.pieces = std::move(finer);
    return absl::OkStatus();
  }

 private:
  std::unique_ptr<Splitter> splitter_;
};

CharSet WhiteSpace() {
  std::vector<CharRange> ranges;
  for (const ClassRange& range : CharClasses::RangesOf(kSpace)) {
    ranges.push_back({range.first, range.last});
  }
  return CharSet(std::move(ranges));
}

// The one character that a key holds.
absl::StatusOr<std::string> ReadCharacter(const JsonValue& json,
                                          std::string_view key,
                                          std::string_view otherwise) {
  ASSIGN_OR_RETURN(std::string_view text, json.GetStringOr(key, otherwise));
  if (text.empty() || Utf8Length(text[0]) != text.size()) {
    return json.Error(absl::StrCat(absl::string_view(key.data(), key.size()),
                                   " must be one character, got ", text.size(),
                                   " bytes"));
  }
  return std::string(text);
}

absl::StatusOr<PrependScheme> ReadScheme(const JsonValue& json) {
  // Older files only say whether to prepend.
  ASSIGN_OR_RETURN(bool prefix, json.GetBoolOr("add_prefix_space", true));
  ASSIGN_OR_RETURN(
      std::string_view scheme,
      json.GetStringOr("prepend_scheme", prefix ? "always" : "never"));
  if (scheme == "always") return PrependScheme::kAlways;
  if (scheme == "first") return PrependScheme::kFirst;
  if (scheme == "never") return PrependScheme::kNever;
  return json.Error("unknown prepend_scheme");
}

}  // namespace

absl::StatusOr<PreTokenizer> PreTokenizer::FromJson(
    const std::optional<JsonValue>& json) {
  PreTokenizer made;
  if (json.has_value()) RETURN_IF_ERROR(made.Add(*json));
  return made;
}

void PreTokenizer::AddSplitter(std::unique_ptr<Splitter> splitter) {
  steps_.push_back(std::make_unique<SplitStep>(std::move(splitter)));
}

absl::Status PreTokenizer::Add(const JsonValue& json) {
  ASSIGN_OR_RETURN(std::string_view type, json.GetString("type"));
  if (type == "Sequence") {
    ASSIGN_OR_RETURN(JsonValue parts, json.Get("pretokenizers"));
    return parts.ForEachElement(
        [this](const JsonValue& part) { return Add(part); });
  }
  if (letters_ != nullptr) steps_.push_back(std::move(letters_));
  ends_byte_level_ = false;
  if (type == "ByteLevel") return AddByteLevel(json);
  if (type == "Metaspace") return AddMetaspace(json);
  if (type == "Split") return AddSplit(json);
  if (type == "BertPreTokenizer") {
    AddSplitter(MakeCharSplitter(WhiteSpace(), SplitBehavior::kRemoved));
    AddSplitter(MakeCharSplitter(PunctuationSet(), SplitBehavior::kIsolated));
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Splitter> splitter,
                   MakeSplitter(json, type));
  AddSplitter(std::move(splitter));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Splitter>> PreTokenizer::MakeSplitter(
    const JsonValue& json, std::string_view type) {
  if (type == "Digits") {
    ASSIGN_OR_RETURN(bool each, json.GetBoolOr("individual_digits", false));
    return MakeDigitsSplitter(each);
  }
  if (type == "Punctuation") {
    ASSIGN_OR_RETURN(SplitBehavior behavior,
                     ReadSplitBehavior(json, "behavior", "Isolated"));
    return MakeCharSplitter(PunctuationSet(), behavior);
  }
  if (type == "Whitespace") return MakeWhitespaceSplitter();
  if (type == "WhitespaceSplit") {
    return MakeCharSplitter(WhiteSpace(), SplitBehavior::kRemoved);
  }
  if (type == "UnicodeScripts") return MakeScriptSplitter();
  if (type == "CharDelimiterSplit") {
    ASSIGN_OR_RETURN(std::string delimiter,
                     ReadCharacter(json, "delimiter", ""));
    const char32_t character = DecodeUtf8(delimiter.data());
    return MakeCharSplitter(CharSet({{character, character}}),
                            SplitBehavior::kRemoved);
  }
  if (type == "FixedLength") {
    ASSIGN_OR_RETURN(int64_t length,
                     json.GetIntOr("length", 5, 1, kMaxFixedLength));
    return MakeFixedLengthSplitter(length);
  }
  return absl::UnimplementedError(absl::StrCat(
      "tokenizer.json: pre_tokenizer: ",
      absl::string_view(type.data(), type.size()), " is not supported"));
}

absl::Status PreTokenizer::AddByteLevel(const JsonValue& json) {
  ASSIGN_OR_RETURN(bool space, json.GetBoolOr("add_prefix_space", true));
  ASSIGN_OR_RETURN(bool use_regex, json.GetBoolOr("use_regex", true));
  if (space) steps_.push_back(MakePrefixSpace());
  if (use_regex) AddSplitter(MakeScanner(kGpt2Pattern));
  letters_ = MakeByteLetters();
  ends_byte_level_ = true;
  return absl::OkStatus();
}

absl::Status PreTokenizer::AddMetaspace(const JsonValue& json) {
  MetaspaceOptions options;
  ASSIGN_OR_RETURN(options.replacement,
                   ReadCharacter(json, "replacement", options.replacement));
  ASSIGN_OR_RETURN(options.scheme, ReadScheme(json));
  ASSIGN_OR_RETURN(options.split, json.GetBoolOr("split", true));
  steps_.push_back(MakeMetaspace(std::move(options)));
  return absl::OkStatus();
}

absl::Status PreTokenizer::AddSplit(const JsonValue& json) {
  ASSIGN_OR_RETURN(SplitBehavior behavior,
                   ReadSplitBehavior(json, "behavior", ""));
  ASSIGN_OR_RETURN(bool invert, json.GetBoolOr("invert", false));
  ASSIGN_OR_RETURN(JsonValue pattern, json.Get("pattern"));
  const bool literal = pattern.Find("String").has_value();
  ASSIGN_OR_RETURN(std::string_view text,
                   pattern.GetString(literal ? "String" : "Regex"));
  if (!literal && !invert && behavior == SplitBehavior::kIsolated) {
    if (auto scanner = MakeScanner(text); scanner != nullptr) {
      AddSplitter(std::move(scanner));
      return absl::OkStatus();
    }
  }
  ASSIGN_OR_RETURN(Pattern compiled,
                   literal ? Pattern::Literal(text) : Pattern::Regex(text));
  AddSplitter(MakePatternSplitter(std::move(compiled), behavior, invert));
  return absl::OkStatus();
}

absl::Status PreTokenizer::Run(PreTokenized& job) const {
  const size_t size = job.text.text().size();
  if (size == 0) return absl::OkStatus();
  job.pieces.push_back({0, static_cast<uint32_t>(size)});
  for (const auto& step : steps_) RETURN_IF_ERROR(step->Run(job));
  if (letters_ != nullptr && alphabet_ == Alphabet::kLetters) {
    RETURN_IF_ERROR(letters_->Run(job));
  }
  return absl::OkStatus();
}

}  // namespace sluice::tokenizer
