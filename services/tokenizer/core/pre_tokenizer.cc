#include "services/tokenizer/core/pre_tokenizer.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "services/tokenizer/core/regex_splitter.h"
#include "services/tokenizer/core/scanners.h"

namespace sluice::tokenizer {
namespace {

absl::Status Unsupported(std::string_view what) {
  return absl::UnimplementedError(absl::StrCat(
      "tokenizer.json: pre_tokenizer: ",
      absl::string_view(what.data(), what.size()), " is not supported"));
}

absl::StatusOr<SplitBehavior> ReadBehavior(const JsonValue& json) {
  ASSIGN_OR_RETURN(std::string_view name, json.GetString("behavior"));
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  return json.Error(absl::StrCat("unknown behavior \"",
                                 absl::string_view(name.data(), name.size()),
                                 "\""));
}

}  // namespace

absl::StatusOr<PreTokenizer> PreTokenizer::FromJson(
    const std::optional<JsonValue>& json) {
  PreTokenizer made;
  if (json.has_value()) RETURN_IF_ERROR(made.Add(*json));
  return made;
}

absl::Status PreTokenizer::Add(const JsonValue& json) {
  if (byte_level_) return Unsupported("anything after ByteLevel");
  ASSIGN_OR_RETURN(std::string_view type, json.GetString("type"));
  if (type == "ByteLevel") return AddByteLevel(json);
  if (type == "Split") return AddSplit(json);
  if (type == "Digits") {
    ASSIGN_OR_RETURN(bool each, json.GetBoolOr("individual_digits", false));
    splitters_.push_back(MakeDigitsSplitter(each));
    return absl::OkStatus();
  }
  if (type != "Sequence") return Unsupported(type);
  ASSIGN_OR_RETURN(JsonValue parts, json.Get("pretokenizers"));
  return parts.ForEachElement(
      [this](const JsonValue& part) { return Add(part); });
}

absl::Status PreTokenizer::AddByteLevel(const JsonValue& json) {
  ASSIGN_OR_RETURN(bool space, json.GetBoolOr("add_prefix_space", true));
  ASSIGN_OR_RETURN(bool use_regex, json.GetBoolOr("use_regex", true));
  if (space && !splitters_.empty()) {
    return Unsupported("ByteLevel with add_prefix_space after another one");
  }
  prepends_space_ = space;
  byte_level_ = true;
  if (use_regex) splitters_.push_back(MakeScanner(kGpt2Pattern));
  return absl::OkStatus();
}

absl::Status PreTokenizer::AddSplit(const JsonValue& json) {
  RegexSplit split;
  ASSIGN_OR_RETURN(split.behavior, ReadBehavior(json));
  ASSIGN_OR_RETURN(split.invert, json.GetBoolOr("invert", false));
  ASSIGN_OR_RETURN(JsonValue pattern, json.Get("pattern"));
  split.literal = pattern.Find("String").has_value();
  ASSIGN_OR_RETURN(std::string_view text,
                   pattern.GetString(split.literal ? "String" : "Regex"));
  split.pattern = std::string(text);
  const bool plain = !split.literal && !split.invert &&
                     split.behavior == SplitBehavior::kIsolated;
  std::unique_ptr<Splitter> splitter = plain ? MakeScanner(text) : nullptr;
  if (splitter == nullptr) {
    ASSIGN_OR_RETURN(splitter, MakeRegexSplitter(split));
  }
  splitters_.push_back(std::move(splitter));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Piece>> PreTokenizer::Split(
    std::string_view text) const {
  std::vector<Piece> pieces;
  if (!text.empty()) pieces.push_back({0, static_cast<uint32_t>(text.size())});
  std::vector<Piece> finer;
  for (const std::unique_ptr<Splitter>& splitter : splitters_) {
    finer.clear();
    for (const Piece& piece : pieces) {
      RETURN_IF_ERROR(splitter->Split(text, piece, finer));
    }
    pieces.swap(finer);
  }
  return pieces;
}

}  // namespace sluice::tokenizer
