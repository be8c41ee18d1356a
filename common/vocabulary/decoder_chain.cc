#include "common/vocabulary/decoder_chain.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/vocabulary/token_decoders.h"
#include "common/vocabulary/utf8.h"

namespace sluice {
namespace {

constexpr int64_t kMaxStripStart = 1 << 16;
constexpr int64_t kMaxStripStop = 16;  // looked for at every token

absl::Status Unsupported(std::string_view what) {
  return absl::UnimplementedError(absl::StrCat(
      "tokenizer.json: decoder: ", absl::string_view(what.data(), what.size()),
      " is not supported"));
}

std::optional<char> FallbackByte(std::string_view spelling) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
  };
  if (spelling.size() != 6 || !spelling.starts_with("<0x") ||
      spelling.back() != '>') {
    return std::nullopt;
  }
  const int high = digit(spelling[3]);
  const int low = digit(spelling[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

absl::StatusOr<std::string> ReadString(const JsonValue& json,
                                       std::string_view key,
                                       std::string_view otherwise) {
  ASSIGN_OR_RETURN(std::string_view text, json.GetStringOr(key, otherwise));
  return std::string(text);
}

}  // namespace

// Reads components in their order.
class DecoderChain::Reader {
 public:
  explicit Reader(DecoderChain& chain) : chain_(chain) {}

  absl::Status Add(const JsonValue& json) {
    ASSIGN_OR_RETURN(std::string_view type, json.GetString("type"));
    if (type == "Sequence") {
      ASSIGN_OR_RETURN(JsonValue parts, json.Get("decoders"));
      return parts.ForEachElement(
          [this](const JsonValue& part) { return Add(part); });
    }
    if (type == "Replace") return AddReplace(json);
    if (type == "Strip") return AddStrip(json);
    if (type == "Fuse") {
      joined_ = true;
      return absl::OkStatus();
    }
    if (joined_) {
      return Unsupported(
          absl::StrCat(absl::string_view(type.data(), type.size()),
                       " behind joined tokens"));
    }
    if (type == "ByteLevel") {
      chain_.byte_level_ = true;
      joined_ = true;
      return absl::OkStatus();
    }
    if (type == "ByteFallback") {
      chain_.byte_fallback_ = true;
      return absl::OkStatus();
    }
    return AddPlaced(json, type);
  }

 private:
  absl::Status Push(std::unique_ptr<TokenDecoder> step) {
    chain_.steps_.push_back(std::move(step));
    return absl::OkStatus();
  }

  absl::Status AddPlaced(const JsonValue& json, std::string_view type) {
    if (type == "BPEDecoder") {
      ASSIGN_OR_RETURN(std::string suffix, ReadString(json, "suffix", "</w>"));
      if (suffix.empty()) return absl::OkStatus();
      chain_.placed_ = true;
      return Push(MakeBpeSuffixDecoder(std::move(suffix)));
    }
    if (type == "WordPiece") {
      ASSIGN_OR_RETURN(std::string prefix, ReadString(json, "prefix", "##"));
      ASSIGN_OR_RETURN(bool cleanup, json.GetBoolOr("cleanup", true));
      chain_.placed_ = true;
      return Push(MakeWordPieceDecoder(std::move(prefix), cleanup));
    }
    if (type == "Metaspace") return AddMetaspace(json);
    if (type == "CTC") return AddCtc(json);
    return Unsupported(type);
  }

  absl::Status AddMetaspace(const JsonValue& json) {
    ASSIGN_OR_RETURN(std::string replacement,
                     ReadString(json, "replacement", "\u2581"));
    if (replacement.empty()) return json.Error("replacement is empty");
    ASSIGN_OR_RETURN(bool prefix, json.GetBoolOr("add_prefix_space", true));
    ASSIGN_OR_RETURN(
        std::string_view scheme,
        json.GetStringOr("prepend_scheme", prefix ? "always" : "never"));
    chain_.placed_ = true;
    return Push(
        MakeMetaspaceDecoder(std::move(replacement), scheme != "never"));
  }

  absl::Status AddCtc(const JsonValue& json) {
    if (!chain_.steps_.empty()) return Unsupported("CTC behind another one");
    ASSIGN_OR_RETURN(std::string pad, ReadString(json, "pad_token", "<pad>"));
    ASSIGN_OR_RETURN(std::string delimiter,
                     ReadString(json, "word_delimiter_token", "|"));
    ASSIGN_OR_RETURN(bool cleanup, json.GetBoolOr("cleanup", true));
    chain_.rules_.collapse_repeats = true;
    return Push(MakeCtcDecoder(std::move(pad), std::move(delimiter), cleanup));
  }

  absl::Status AddReplace(const JsonValue& json) {
    ASSIGN_OR_RETURN(JsonValue pattern, json.Get("pattern"));
    ASSIGN_OR_RETURN(std::string content, ReadString(json, "content", ""));
    if (pattern.Find("String").has_value()) {
      ASSIGN_OR_RETURN(std::string_view literal, pattern.GetString("String"));
      if (literal.empty()) return Unsupported("Replace of nothing");
      // Joined text may hold a longer one across the border of two tokens.
      const size_t first_character = Utf8Length(literal.front());
      if (joined_ &&
          (literal.size() != first_character || chain_.byte_level_)) {
        return Unsupported("Replace behind joined tokens");
      }
      auto step = MakeReplaceDecoder(std::string(literal), std::move(content));
      (joined_ ? chain_.joined_steps_ : chain_.steps_)
          .push_back(std::move(step));
      return absl::OkStatus();
    }
    if (joined_) return Unsupported("Replace behind joined tokens");
    ASSIGN_OR_RETURN(std::string regex, ReadString(pattern, "Regex", ""));
    ASSIGN_OR_RETURN(std::unique_ptr<TokenDecoder> step,
                     MakeRegexDecoder(regex, std::move(content)));
    return Push(std::move(step));
  }

  absl::Status AddStrip(const JsonValue& json) {
    ASSIGN_OR_RETURN(std::string content, ReadString(json, "content", " "));
    ASSIGN_OR_RETURN(int64_t start,
                     json.GetIntOr("start", 0, 0, kMaxStripStart));
    ASSIGN_OR_RETURN(int64_t stop, json.GetIntOr("stop", 0, 0, kMaxStripStop));
    if (content.empty() || content.size() != Utf8Length(content[0])) {
      return json.Error("content must be one character");
    }
    if (!joined_) {
      return Push(MakeStripDecoder(std::move(content), start, stop));
    }
    DecodeRules& rules = chain_.rules_;
    if (rules.strip_leading_space || !rules.strip_content.empty()) {
      return Unsupported("a second Strip behind joined tokens");
    }
    if (content == " " && start == 1 && stop == 0) {
      rules.strip_leading_space = true;
    } else {
      rules.strip_content = std::move(content);
      rules.strip_leading = static_cast<int32_t>(start);
      rules.strip_trailing = static_cast<int32_t>(stop);
    }
    return absl::OkStatus();
  }

  DecoderChain& chain_;
  bool joined_ = false;
};

absl::StatusOr<DecoderChain> DecoderChain::FromJson(
    const std::optional<JsonValue>& json) {
  DecoderChain chain;
  if (!json.has_value()) {
    chain.steps_.push_back(MakeJoinDecoder());
    chain.placed_ = true;
    return chain;
  }
  RETURN_IF_ERROR(Reader(chain).Add(*json));
  return chain;
}

std::string DecoderChain::Form(std::string_view spelling,
                               TokenPlace place) const {
  if (byte_fallback_) {
    const std::optional<char> byte = FallbackByte(spelling);
    if (byte.has_value()) return std::string(1, *byte);
  }
  std::string token(spelling);
  for (const auto& step : steps_) step->Apply(place, token);
  if (byte_level_) {
    // A character outside the alphabet: the token stands for its own bytes.
    std::optional<std::string> bytes = alphabet_.BytesOf(token);
    if (bytes.has_value()) token = *std::move(bytes);
  }
  for (const auto& step : joined_steps_) step->Apply(place, token);
  return token;
}

VocabularyEntry DecoderChain::EntryOf(std::string_view spelling) const {
  VocabularyEntry entry;
  entry.bytes = Form(spelling, TokenPlace::kMiddle);
  if (!placed_) return entry;
  std::string first = Form(spelling, TokenPlace::kFirst);
  if (first != entry.bytes) entry.first_bytes = std::move(first);
  std::string last = Form(spelling, TokenPlace::kLast);
  if (last != entry.bytes) entry.last_bytes = std::move(last);
  return entry;
}

}  // namespace sluice
