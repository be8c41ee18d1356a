#include "services/tokenizer/core/regex/properties.h"

#include <unicode/uniset.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/tokenizer/core/unicode/char_classes.h"

namespace sluice::tokenizer {
namespace {

// Categories of our own tables.
struct OwnClass {
  std::string_view name;  // lower case
  CharClass wanted;
};
constexpr OwnClass kOwn[] = {
    {"l", kLetter},       {"letter", kLetter}, {"lu", kUpper},
    {"ll", kLower},       {"lt", kTitle},      {"lm", kModifier},
    {"lo", kOtherLetter}, {"n", kNumber},      {"number", kNumber},
    {"nd", kDecimal},     {"digit", kDecimal}, {"m", kMark},
    {"mark", kMark},      {"p", kPunctuation}, {"s", kSymbol},
    {"space", kSpace},    {"word", kWord},
};

// POSIX names whose sets ICU spells otherwise.
struct Alias {
  std::string_view name;
  const char* icu;
};
constexpr Alias kAliases[] = {
    {"alpha", "[[:Alphabetic:]]"},
    {"alnum", "[[:Alphabetic:][:Nd:]]"},
    {"upper", "[[:Uppercase:]]"},
    {"lower", "[[:Lowercase:]]"},
    {"punct", "[[:P:][$+<=>\\^`|~]]"},
    {"cntrl", "[[:Cc:]]"},
    {"blank", "[[:Zs:]\\t]"},
    {"xdigit", "[0-9A-Fa-f]"},
    {"graph", "[^[:White_Space:][:Cc:][:Cs:][:Cn:]]"},
    {"print", "[^[[:White_Space:]-[:Zs:]][:Cc:][:Cs:][:Cn:]]"},
    {"ascii", "[\\u0000-\\u007f]"},
    {"any", "[\\u0000-\\U0010ffff]"},
};

// Categories that PCRE2 tests quicker than ranges, widest first.
constexpr std::string_view kEngineCategories[] = {
    "L", "M", "N", "P", "S", "Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Pc"};
// The oldest Unicode of a PCRE2 that this runs with.
constexpr std::string_view kEngineAge = "14.0";

std::optional<CharSet> IcuSet(const std::string& pattern) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::UnicodeSet set(icu::UnicodeString::fromUTF8(pattern), error);
  if (U_FAILURE(error)) return std::nullopt;
  std::vector<CharRange> ranges;
  for (int32_t i = 0; i < set.getRangeCount(); ++i) {
    ranges.push_back({static_cast<char32_t>(set.getRangeStart(i)),
                      static_cast<char32_t>(set.getRangeEnd(i))});
  }
  return CharSet(std::move(ranges));
}

std::optional<CharSet> MakeSet(const std::string& name) {
  if (name == "wordinbracket") {
    const CharSet numbers({{0xB2, 0xB3}, {0xB9, 0xB9}, {0xBC, 0xBE}});
    return MakeSet("word")->Intersection(numbers.Complement());
  }
  for (const OwnClass& own : kOwn) {
    if (own.name != name) continue;
    std::vector<CharRange> ranges;
    for (const ClassRange& range : CharClasses::RangesOf(own.wanted)) {
      ranges.push_back({range.first, range.last});
    }
    return CharSet(std::move(ranges));
  }
  for (const Alias& alias : kAliases) {
    if (alias.name == name) return IcuSet(alias.icu);
  }
  return IcuSet(absl::StrCat("[:", name, ":]"));
}

bool IsName(std::string_view name) {
  return !name.empty() && name.size() < 64 &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '=';
         });
}

bool IsSubset(const CharSet& part, const CharSet& whole) {
  auto at = whole.ranges().begin();
  for (const CharRange& range : part.ranges()) {
    while (at != whole.ranges().end() && at->last < range.last) ++at;
    if (at == whole.ranges().end() || at->first > range.first) return false;
  }
  return true;
}

}  // namespace

const CharSet* Properties::Find(std::string_view name) {
  std::string key;
  for (char c : name) {
    if (c == ' ' || c == '-') continue;
    key.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
  }
  if (!IsName(key)) return nullptr;
  auto found = sets_.find(key);
  if (found == sets_.end()) {
    found = sets_.emplace(key, MakeSet(key)).first;
  }
  return found->second.has_value() ? &*found->second : nullptr;
}

const CharSet& Properties::EngineSet(const std::string& category) {
  auto found = engine_sets_.find(category);
  if (found == engine_sets_.end()) {
    std::optional<CharSet> set = IcuSet(absl::StrCat(
        "[[:", category, ":]&[:age=",
        absl::string_view(kEngineAge.data(), kEngineAge.size()), ":]]"));
    found =
        engine_sets_
            .emplace(category, set.has_value() ? *std::move(set) : CharSet())
            .first;
  }
  return found->second;
}

std::string Properties::Inside(const CharSet& set) {
  constexpr size_t kFewRanges = 16;
  std::string inside;
  CharSet covered;
  if (set.ranges().size() > kFewRanges) {
    for (std::string_view name : kEngineCategories) {
      const std::string category(name);
      const CharSet& of_engine = EngineSet(category);
      if (!IsSubset(of_engine, set) || IsSubset(of_engine, covered)) continue;
      absl::StrAppend(&inside, "\\p{", category, "}");
      covered = covered.Union(of_engine);
    }
  }
  const CharSet surrogates({{0xD800, 0xDFFF}});  // the engine refuses them
  const CharSet rest = set.Intersection(covered.Union(surrogates).Complement());
  for (const CharRange& range : rest.ranges()) {
    absl::StrAppendFormat(&inside, "\\x{%X}", uint32_t{range.first});
    if (range.last > range.first) {
      absl::StrAppendFormat(&inside, "-\\x{%X}", uint32_t{range.last});
    }
  }
  return inside;
}

}  // namespace sluice::tokenizer
