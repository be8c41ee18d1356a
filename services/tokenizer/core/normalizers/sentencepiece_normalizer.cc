#include "services/tokenizer/core/normalizers/sentencepiece_normalizer.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "common/base/status_macros.h"
#include "common/vocabulary/utf8.h"
#include "services/tokenizer/core/normalizers/chars_map.h"

namespace sluice::tokenizer {
namespace {

constexpr std::string_view kSpaceSymbol = "\xE2\x96\x81";

struct Options {
  std::optional<CharsMap> map;
  // User-defined symbols by their first byte, longest first.
  std::array<std::vector<std::string>, 256> kept;
  bool dummy_prefix = true;
  bool remove_extra_spaces = true;
  bool escape_spaces = true;
  bool space_as_suffix = false;
};

class SentencePieceNormalizer final : public Normalizer {
 public:
  explicit SentencePieceNormalizer(Options options)
      : options_(std::move(options)) {}

  absl::Status Normalize(NormalizedText& text) const override {
    Rewrite(text);
    if (options_.remove_extra_spaces) TrimEnd(text);
    if (options_.dummy_prefix && options_.space_as_suffix) AddSuffix(text);
    return absl::OkStatus();
  }

 private:
  struct Prefix {
    std::string_view value;
    size_t length;
  };

  std::string_view Space() const {
    return options_.escape_spaces ? kSpaceSymbol : std::string_view(" ");
  }

  // What the front of a text becomes.
  Prefix PrefixOf(std::string_view text) const {
    for (const std::string& symbol :
         options_.kept[static_cast<uint8_t>(text[0])]) {
      if (text.starts_with(symbol)) {
        return {text.substr(0, symbol.size()), symbol.size()};
      }
    }
    if (options_.map.has_value()) {
      const auto hit = options_.map->Longest(text);
      if (hit.has_value()) return {hit->value, hit->length};
    }
    const size_t length = Utf8Length(text[0]);
    return {text.substr(0, length), length};
  }

  void SkipSpaces(std::string_view before, TextEdit& edit) const {
    size_t at = 0;
    while (at < before.size()) {
      const Prefix prefix = PrefixOf(before.substr(at));
      if (prefix.value != " ") break;
      at += prefix.length;
    }
    if (at > 0) edit.Swap(at, "");
  }

  void Rewrite(NormalizedText& text) const {
    const std::string_view before = text.text();
    TextEdit edit(before);
    if (options_.remove_extra_spaces) SkipSpaces(before, edit);
    if (edit.position() < before.size()) {
      if (options_.dummy_prefix && !options_.space_as_suffix) {
        edit.Swap(0, Space());
      }
      Write(before, edit);
    }
    edit.Apply(text);
  }

  // From the position of `edit` to the end.
  void Write(std::string_view before, TextEdit& edit) const {
    bool after_space = options_.remove_extra_spaces;
    std::string escaped;
    while (edit.position() < before.size()) {
      const size_t at = edit.position();
      Prefix prefix = PrefixOf(before.substr(at));
      while (after_space && prefix.value.starts_with(' ')) {
        prefix.value.remove_prefix(1);
      }
      if (options_.remove_extra_spaces && !prefix.value.empty()) {
        after_space = prefix.value.ends_with(' ');
      }
      WriteValue(before.substr(at, prefix.length), prefix.value, escaped, edit);
    }
  }

  // Also takes what was no space before but looks like one now.
  void TrimEnd(NormalizedText& text) const {
    const std::string_view before = text.text();
    std::string_view kept = before;
    while (kept.ends_with(Space())) kept.remove_suffix(Space().size());
    if (kept.size() == before.size()) return;
    TextEdit edit(before);
    edit.Keep(kept.size());
    edit.Swap(before.size() - kept.size(), "");
    edit.Apply(text);
  }

  void AddSuffix(NormalizedText& text) const {
    const std::string_view before = text.text();
    if (before.empty()) return;
    TextEdit edit(before);
    edit.Keep(before.size());
    edit.Swap(0, Space());
    edit.Apply(text);
  }

  void WriteValue(std::string_view from, std::string_view value,
                  std::string& escaped, TextEdit& edit) const {
    escaped.clear();
    for (char c : value) {
      if (c == ' ') {
        escaped.append(Space());
      } else {
        escaped.push_back(c);
      }
    }
    if (escaped == from) {
      edit.Keep(from.size());
    } else {
      edit.Swap(from.size(), escaped);
    }
  }

  Options options_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Normalizer>> MakeSentencePieceNormalizer(
    const JsonValue& json) {
  Options options;
  ASSIGN_OR_RETURN(options.dummy_prefix, json.GetBool("add_dummy_prefix"));
  ASSIGN_OR_RETURN(options.remove_extra_spaces,
                   json.GetBool("remove_extra_whitespaces"));
  ASSIGN_OR_RETURN(options.escape_spaces, json.GetBool("escape_whitespaces"));
  ASSIGN_OR_RETURN(options.space_as_suffix, json.GetBool("space_as_suffix"));
  ASSIGN_OR_RETURN(std::string_view base64, json.GetString("charsmap"));
  std::string blob;
  if (!absl::Base64Unescape(absl::string_view(base64.data(), base64.size()),
                            &blob)) {
    return json.Error("charsmap is not base64");
  }
  if (!blob.empty()) {
    ASSIGN_OR_RETURN(options.map, CharsMap::Parse(blob));
  }
  ASSIGN_OR_RETURN(JsonValue kept, json.Get("user_defined"));
  RETURN_IF_ERROR(
      kept.ForEachElement([&](const JsonValue& symbol) -> absl::Status {
        ASSIGN_OR_RETURN(std::string_view text, symbol.AsString());
        if (text.empty()) return symbol.Error("is empty");
        options.kept[static_cast<uint8_t>(text[0])].push_back(
            std::string(text));
        return absl::OkStatus();
      }));
  for (std::vector<std::string>& symbols : options.kept) {
    std::stable_sort(symbols.begin(), symbols.end(),
                     [](const std::string& a, const std::string& b) {
                       return a.size() > b.size();
                     });
  }
  return std::make_unique<SentencePieceNormalizer>(std::move(options));
}

}  // namespace sluice::tokenizer
