// Methods of str.

#include <unicode/uchar.h>

#include <algorithm>

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/builtins.h"
#include "services/tokenizer/chat/jinja/errors.h"
#include "services/tokenizer/chat/jinja/escape.h"
#include "services/tokenizer/chat/jinja/format.h"
#include "services/tokenizer/chat/jinja/interpreter.h"
#include "services/tokenizer/chat/jinja/paid_text.h"
#include "services/tokenizer/chat/jinja/search.h"
#include "services/tokenizer/chat/jinja/text_ops.h"
#include "services/tokenizer/chat/jinja/utf8.h"

namespace sluice::tokenizer::jinja {
namespace {

using Result = absl::StatusOr<Value>;

// A string that is as safe as the one it was made from.
Value Like(const Value& self, Text text) {
  return Value::String(std::move(text), self.string().safe);
}

absl::Status PayForCopy(Interpreter& interpreter, const Text& text) {
  return interpreter.budget().SpendBytes(text.extent());
}

Result StripBy(Interpreter& interpreter, const Value& self,
               const Arguments& arguments, StripRules rules) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("strip", {"chars"}, 0, arguments, true));
  Value characters;
  if (parameters.has(0) && !parameters[0].is_none()) {
    ASSIGN_OR_RETURN(characters, parameters.String(0, ""));
    rules.characters = characters.bytes();
  }
  ASSIGN_OR_RETURN(const TextBounds left,
                   Strip(self.bytes(), rules, interpreter.budget()));
  const Text& text = self.text();
  if (left.end - left.begin == text.size()) return self;
  RETURN_IF_ERROR(
      interpreter.budget().SpendBytes(text.ExtentOf(left.begin, left.end)));
  return Like(self, text.Slice(left.begin, left.end));
}

Result StripMethod(Interpreter& i, const Value& self, const Arguments& a) {
  return StripBy(i, self, a, {});
}
Result LstripMethod(Interpreter& i, const Value& self, const Arguments& a) {
  return StripBy(i, self, a, {.right = false});
}
Result RstripMethod(Interpreter& i, const Value& self, const Arguments& a) {
  return StripBy(i, self, a, {.left = false});
}

Result ListOfTexts(const Value& self, Parts parts) {
  RETURN_IF_ERROR(parts.status());
  std::vector<Value> items;
  items.reserve(parts->size());
  for (Text& part : *parts) items.push_back(Like(self, std::move(part)));
  return MakeList(std::move(items));
}

Result SplitBy(Interpreter& interpreter, const Value& self,
               const Arguments& arguments, bool from_right) {
  ASSIGN_OR_RETURN(
      const Parameters parameters,
      Parameters::Bind("split", {"sep", "maxsplit"}, 0, arguments));
  ASSIGN_OR_RETURN(const int64_t limit, parameters.Int(1, -1));
  const Text& text = self.text();
  Budget& budget = interpreter.budget();
  if (!parameters.has(0) || parameters[0].is_none()) {
    return ListOfTexts(self, from_right
                                 ? SplitSpaceFromRight(text, limit, budget)
                                 : SplitSpace(text, limit, budget));
  }
  ASSIGN_OR_RETURN(const Value separator, parameters.String(0, ""));
  const std::string& bytes = separator.bytes();
  if (bytes.empty()) return Fail("empty separator");
  return ListOfTexts(self, from_right
                               ? SplitFromRight(text, bytes, limit, budget)
                               : Split(text, bytes, limit, budget));
}

Result SplitMethod(Interpreter& i, const Value& self, const Arguments& a) {
  return SplitBy(i, self, a, /*from_right=*/false);
}
Result RsplitMethod(Interpreter& i, const Value& self, const Arguments& a) {
  return SplitBy(i, self, a, /*from_right=*/true);
}

Result SplitlinesMethod(Interpreter& i, const Value& self, const Arguments& a) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("splitlines", {"keepends"}, 0, a));
  return ListOfTexts(
      self, SplitLines(self.text(), parameters.Truth(0, false), i.budget()));
}

Result PartitionBy(Interpreter& i, const Value& self, const Arguments& a,
                   bool from_right) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("partition", {"sep"}, 1, a, true));
  ASSIGN_OR_RETURN(const Value separator, parameters.String(0, ""));
  const std::string& wanted = separator.bytes();
  if (wanted.empty()) return Fail("empty separator");
  const Text& text = self.text();
  RETURN_IF_ERROR(i.budget().SpendScan(text.extent() + wanted.size()));
  const size_t found =
      from_right ? SearchFromRight(text.bytes(), wanted).FindLast(text.size())
                 : FindFirst(text.bytes(), wanted);
  if (found == std::string::npos) {
    const Value empty = Value::Literal("");
    if (from_right) return MakeTuple({empty, empty, self});
    return MakeTuple({self, empty, empty});
  }
  const size_t after = found + wanted.size();
  return MakeTuple({Like(self, text.Slice(0, found)),
                    Like(self, text.Slice(found, after)),
                    Like(self, text.Slice(after, text.size()))});
}

Result PartitionMethod(Interpreter& i, const Value& self, const Arguments& a) {
  return PartitionBy(i, self, a, /*from_right=*/false);
}
Result RpartitionMethod(Interpreter& i, const Value& self, const Arguments& a) {
  return PartitionBy(i, self, a, /*from_right=*/true);
}

template <Casing kCasing>
Result CaseMethod(Interpreter& i, const Value& self, const Arguments& a) {
  RETURN_IF_ERROR(Parameters::Bind("case method", {}, 0, a, true).status());
  ASSIGN_OR_RETURN(Text text, ChangeCase(self.text(), kCasing, i.budget()));
  return Like(self, std::move(text));
}

// The part of the string that optional start and end arguments select.
struct Window {
  size_t begin = 0;
  size_t end = 0;
  bool valid = true;  // start does not lie behind the end
};

absl::StatusOr<Window> WindowOf(Interpreter& interpreter, const Value& self,
                                const Parameters& parameters) {
  const std::string& bytes = self.bytes();
  if (!parameters.has(1) && !parameters.has(2)) return Window{0, bytes.size()};
  RETURN_IF_ERROR(interpreter.budget().SpendBytes(bytes.size()));
  const auto size = static_cast<int64_t>(CountCodePoints(bytes));
  const bool no_end = !parameters.has(2) || parameters[2].is_none();
  int64_t start = 0;
  int64_t end = size;
  if (parameters.has(1) && !parameters[1].is_none()) {
    ASSIGN_OR_RETURN(start, parameters.Int(1, 0));
  }
  if (!no_end) {
    ASSIGN_OR_RETURN(end, parameters.Int(2, size));
  }
  if (start < 0) start = std::max<int64_t>(start + size, 0);
  if (end < 0) end = std::max<int64_t>(end + size, 0);
  end = std::min(end, size);
  if (start > end) return Window{0, 0, false};
  return Window{OffsetOfCodePoint(bytes, static_cast<size_t>(start)),
                OffsetOfCodePoint(bytes, static_cast<size_t>(end))};
}

// Whether the window begins (or ends) with one of the given texts.
Result AffixMethod(Interpreter& interpreter, const Value& self,
                   const Arguments& arguments, bool at_start) {
  const std::string_view name = at_start ? "startswith" : "endswith";
  ASSIGN_OR_RETURN(
      const Parameters parameters,
      Parameters::Bind(name, {"affix", "start", "end"}, 1, arguments, true));
  ASSIGN_OR_RETURN(const Window window,
                   WindowOf(interpreter, self, parameters));
  std::vector<Value> affixes = {parameters[0]};
  if (parameters[0].is(Kind::kTuple)) affixes = parameters[0].items();
  RETURN_IF_ERROR(
      interpreter.budget().SpendItems(static_cast<int64_t>(affixes.size())));
  const std::string_view part =
      std::string_view(self.bytes())
          .substr(window.begin, window.end - window.begin);
  for (const Value& affix : affixes) {
    if (affix.is_undefined()) return Fail(affix.undefined_message());
    if (!affix.is_string()) {
      return Fail(name, " first arg must be str or a tuple of str, not ",
                  affix.TypeName());
    }
    RETURN_IF_ERROR(interpreter.budget().SpendBytes(
        std::min(affix.bytes().size(), part.size())));
    if (window.valid && (at_start ? part.starts_with(affix.bytes())
                                  : part.ends_with(affix.bytes()))) {
      return Value::Bool(true);
    }
  }
  return Value::Bool(false);
}

Result StartswithMethod(Interpreter& i, const Value& self, const Arguments& a) {
  return AffixMethod(i, self, a, /*at_start=*/true);
}
Result EndswithMethod(Interpreter& i, const Value& self, const Arguments& a) {
  return AffixMethod(i, self, a, /*at_start=*/false);
}

// Where the text is found, in code points; -1 when nowhere.
absl::StatusOr<int64_t> FindIn(Interpreter& interpreter, const Value& self,
                               const Arguments& arguments, bool from_right) {
  ASSIGN_OR_RETURN(
      const Parameters parameters,
      Parameters::Bind("find", {"sub", "start", "end"}, 1, arguments, true));
  ASSIGN_OR_RETURN(const Value value, parameters.String(0, ""));
  const std::string& wanted = value.bytes();
  ASSIGN_OR_RETURN(const Window window,
                   WindowOf(interpreter, self, parameters));
  if (!window.valid) return -1;
  RETURN_IF_ERROR(
      interpreter.budget().SpendScan(self.text().size() + wanted.size()));
  const std::string_view part =
      std::string_view(self.bytes())
          .substr(window.begin, window.end - window.begin);
  const size_t found = from_right
                           ? SearchFromRight(part, wanted).FindLast(part.size())
                           : FindFirst(part, wanted);
  if (found == std::string_view::npos) return -1;
  return static_cast<int64_t>(CountCodePoints(
      std::string_view(self.bytes()).substr(0, window.begin + found)));
}

template <bool kFromRight, bool kMustFind>
Result FindMethod(Interpreter& i, const Value& self, const Arguments& a) {
  ASSIGN_OR_RETURN(const int64_t found, FindIn(i, self, a, kFromRight));
  if (kMustFind && found < 0) return Fail("substring not found");
  return Value::Int(found);
}

Result CountMethod(Interpreter& i, const Value& self, const Arguments& a) {
  ASSIGN_OR_RETURN(
      const Parameters parameters,
      Parameters::Bind("count", {"sub", "start", "end"}, 1, a, true));
  ASSIGN_OR_RETURN(const Value value, parameters.String(0, ""));
  const std::string& wanted = value.bytes();
  ASSIGN_OR_RETURN(const Window window, WindowOf(i, self, parameters));
  if (!window.valid) return Value::Int(0);
  RETURN_IF_ERROR(i.budget().SpendScan(self.text().size() + wanted.size()));
  const std::string_view part =
      std::string_view(self.bytes())
          .substr(window.begin, window.end - window.begin);
  if (wanted.empty()) {
    return Value::Int(static_cast<int64_t>(CountCodePoints(part)) + 1);
  }
  int64_t count = 0;
  for (size_t at = FindFirst(part, wanted); at != std::string_view::npos;
       at = FindFirst(part, wanted, at + wanted.size())) {
    constexpr int64_t kItemsPerMatch = 2;  // searching starts anew
    RETURN_IF_ERROR(i.budget().SpendItems(kItemsPerMatch));
    ++count;
  }
  return Value::Int(count);
}

Result ReplaceMethod(Interpreter& i, const Value& self, const Arguments& a) {
  ASSIGN_OR_RETURN(
      const Parameters parameters,
      Parameters::Bind("str.replace", {"old", "new", "count"}, 2, a, true));
  ASSIGN_OR_RETURN(Value from, parameters.String(0, ""));
  ASSIGN_OR_RETURN(Value to, parameters.String(1, ""));
  ASSIGN_OR_RETURN(const int64_t count, parameters.Int(2, -1));
  if (self.string().safe) {
    for (Value* text : {&from, &to}) {
      ASSIGN_OR_RETURN(Text escaped, EscapeHtml(*text, i.budget()));
      *text = Value::String(std::move(escaped));
    }
  }
  ASSIGN_OR_RETURN(Text text, Replace(self.text(), from.bytes(), to.text(),
                                      count, i.budget()));
  return Like(self, std::move(text));
}

Result JoinMethod(Interpreter& i, const Value& self, const Arguments& a) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("join", {"iterable"}, 1, a, true));
  ASSIGN_OR_RETURN(const std::vector<Value> items,
                   Iterate(parameters[0], i.budget()));
  PaidText joined(i.budget());
  for (size_t n = 0; n < items.size(); ++n) {
    if (items[n].is_undefined()) return Fail(items[n].undefined_message());
    if (!items[n].is_string()) {
      return Fail("sequence item ", n, ": expected str instance, ",
                  items[n].TypeName(), " found");
    }
    if (n != 0) RETURN_IF_ERROR(joined.Append(self.text()));
    if (self.string().safe) {
      ASSIGN_OR_RETURN(const Text escaped, EscapeHtml(items[n], i.budget()));
      RETURN_IF_ERROR(joined.Append(escaped));
    } else {
      RETURN_IF_ERROR(joined.Append(items[n].text()));
    }
  }
  return Like(self, joined.Take());
}

template <bool kPrefix>
Result RemoveAffix(Interpreter& i, const Value& self, const Arguments& a) {
  RETURN_IF_ERROR(PayForCopy(i, self.text()));
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("removeprefix", {"affix"}, 1, a, true));
  ASSIGN_OR_RETURN(const Value value, parameters.String(0, ""));
  const std::string& affix = value.bytes();
  const Text& text = self.text();
  const std::string_view bytes = text.bytes();
  if (kPrefix && bytes.starts_with(affix)) {
    return Like(self, text.Slice(affix.size(), text.size()));
  }
  if (!kPrefix && bytes.ends_with(affix)) {
    return Like(self, text.Slice(0, text.size() - affix.size()));
  }
  return self;
}

// Fills up to a width; shares of the fill go left and right.
enum class Side { kLeft, kRight, kBoth };
template <Side kSide>
Result JustifyMethod(Interpreter& i, const Value& self, const Arguments& a) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("just", {"width", "fillchar"}, 1, a, true));
  ASSIGN_OR_RETURN(const int64_t width, parameters.Int(0, 0));
  ASSIGN_OR_RETURN(const Value fill, parameters.String(1, " "));
  RETURN_IF_ERROR(PayForCopy(i, fill.text()));
  RETURN_IF_ERROR(PayForCopy(i, self.text()));
  if (CountCodePoints(fill.bytes()) != 1) {
    return Fail("The fill character must be exactly one character long");
  }
  const auto size = static_cast<int64_t>(CountCodePoints(self.bytes()));
  const int64_t missing = std::max<int64_t>(width - size, 0);
  int64_t left = kSide == Side::kRight ? missing : 0;
  if (kSide == Side::kBoth) left = missing / 2 + (missing & width & 1);
  ASSIGN_OR_RETURN(Text out, Repeat(fill.text(), left, i.budget()));
  ASSIGN_OR_RETURN(const Text after,
                   Repeat(fill.text(), missing - left, i.budget()));
  out.Append(self.text());
  out.Append(after);
  RETURN_IF_ERROR(i.budget().SpendBytes(out.size()));
  return Like(self, std::move(out));
}

Result ZfillMethod(Interpreter& i, const Value& self, const Arguments& a) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("zfill", {"width"}, 1, a, true));
  ASSIGN_OR_RETURN(const int64_t width, parameters.Int(0, 0));
  const Text& text = self.text();
  RETURN_IF_ERROR(PayForCopy(i, text));
  const bool sign =
      !text.empty() && (text.bytes()[0] == '-' || text.bytes()[0] == '+');
  ASSIGN_OR_RETURN(
      const Text zeros,
      Repeat(Text("0"),
             width - static_cast<int64_t>(CountCodePoints(text.bytes())),
             i.budget()));
  Text out = text.Slice(0, sign ? 1 : 0);
  out.Append(zeros);
  out.AppendRange(text, sign ? 1 : 0, text.size());
  RETURN_IF_ERROR(i.budget().SpendBytes(out.size()));
  return Like(self, std::move(out));
}

Result FormatMethod(Interpreter& i, const Value& self, const Arguments& a) {
  return FormatBraces(i, self, a);
}

// Whether the string is not empty and every character has the property.
template <typename Property>
Result EveryCharacter(Interpreter& i, const Value& self, bool when_empty,
                      Property property) {
  constexpr size_t kBlockBytes = 256;  // most strings are settled early
  const std::string& bytes = self.bytes();
  if (bytes.empty()) return Value::Bool(when_empty);
  size_t paid = 0;
  for (size_t at = 0; at < bytes.size(); at += CodePointBytes(bytes, at)) {
    if (at >= paid) {
      const size_t block = std::min(kBlockBytes, bytes.size() - at);
      RETURN_IF_ERROR(i.budget().SpendScanClosely(block));
      paid = at + block;
    }
    if (!property(DecodeAt(bytes, at))) return Value::Bool(false);
  }
  return Value::Bool(true);
}

bool IsNumericType(char32_t c, UNumericType from) {
  const int32_t type =
      u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_NUMERIC_TYPE);
  return type >= U_NT_DECIMAL && type <= static_cast<int32_t>(from);
}

bool IsAlpha(char32_t c) {
  constexpr uint32_t kLetters = U_GC_L_MASK;
  return (U_MASK(u_charType(static_cast<UChar32>(c))) & kLetters) != 0;
}

Result IsalphaMethod(Interpreter& i, const Value& self, const Arguments& a) {
  return EveryCharacter(i, self, false, IsAlpha);
}
Result IsalnumMethod(Interpreter& i, const Value& self, const Arguments& a) {
  return EveryCharacter(i, self, false, IsAlphanumeric);
}
Result IsasciiMethod(Interpreter& i, const Value& self, const Arguments& a) {
  return EveryCharacter(i, self, true, [](char32_t c) { return c < 0x80; });
}
Result IsdecimalMethod(Interpreter& i, const Value& self, const Arguments& a) {
  return EveryCharacter(i, self, false, [](char32_t c) {
    return IsNumericType(c, U_NT_DECIMAL);
  });
}
Result IsdigitMethod(Interpreter& i, const Value& self, const Arguments& a) {
  return EveryCharacter(
      i, self, false, [](char32_t c) { return IsNumericType(c, U_NT_DIGIT); });
}
Result IsnumericMethod(Interpreter& i, const Value& self, const Arguments& a) {
  return EveryCharacter(i, self, false, [](char32_t c) {
    return IsNumericType(c, U_NT_NUMERIC);
  });
}
Result IsspaceMethod(Interpreter& i, const Value& self, const Arguments& a) {
  return EveryCharacter(i, self, false, IsPythonSpace);
}
Result IsprintableMethod(Interpreter& i, const Value& self,
                         const Arguments& a) {
  return EveryCharacter(i, self, true, IsPrintable);
}

bool IsUppercase(UChar32 c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z';
  return u_hasBinaryProperty(c, UCHAR_UPPERCASE);
}
bool IsLowercase(UChar32 c) {
  if (c < 0x80) return c >= 'a' && c <= 'z';
  return u_hasBinaryProperty(c, UCHAR_LOWERCASE);
}
bool IsTitlecase(UChar32 c) { return c >= 0x80 && u_istitle(c); }

// Whether something is cased and nothing has the wrong case.
template <bool kUpper>
Result IsCaseMethod(Interpreter& i, const Value& self, const Arguments& a) {
  RETURN_IF_ERROR(i.budget().SpendScanClosely(self.text().size()));
  bool cased = false;
  const std::string& bytes = self.bytes();
  for (size_t at = 0; at < bytes.size(); at += CodePointBytes(bytes, at)) {
    const auto c = static_cast<UChar32>(DecodeAt(bytes, at));
    const bool upper = IsUppercase(c);
    const bool lower = IsLowercase(c);
    if ((kUpper ? lower : upper) || IsTitlecase(c)) return Value::Bool(false);
    cased |= kUpper ? upper : lower;
  }
  return Value::Bool(cased);
}

Result IstitleMethod(Interpreter& i, const Value& self, const Arguments& a) {
  RETURN_IF_ERROR(i.budget().SpendScanClosely(self.text().size()));
  bool cased = false;
  bool inside = false;
  const std::string& bytes = self.bytes();
  for (size_t at = 0; at < bytes.size(); at += CodePointBytes(bytes, at)) {
    const auto c = static_cast<UChar32>(DecodeAt(bytes, at));
    const bool upper = IsUppercase(c) || IsTitlecase(c);
    const bool lower = IsLowercase(c);
    if ((upper && inside) || (lower && !inside)) return Value::Bool(false);
    inside = upper || lower;
    cased |= inside;
  }
  return Value::Bool(cased);
}

constexpr BuiltinEntry kMethods[] = {
    {"capitalize", CaseMethod<Casing::kCapitalize>},
    {"casefold", CaseMethod<Casing::kFold>},
    {"center", JustifyMethod<Side::kBoth>},
    {"count", CountMethod},
    {"endswith", EndswithMethod},
    {"find", FindMethod<false, false>},
    {"format", FormatMethod},
    {"index", FindMethod<false, true>},
    {"isalnum", IsalnumMethod},
    {"isalpha", IsalphaMethod},
    {"isascii", IsasciiMethod},
    {"isdecimal", IsdecimalMethod},
    {"isdigit", IsdigitMethod},
    {"islower", IsCaseMethod<false>},
    {"isnumeric", IsnumericMethod},
    {"isprintable", IsprintableMethod},
    {"isspace", IsspaceMethod},
    {"istitle", IstitleMethod},
    {"isupper", IsCaseMethod<true>},
    {"join", JoinMethod},
    {"ljust", JustifyMethod<Side::kLeft>},
    {"lower", CaseMethod<Casing::kLower>},
    {"lstrip", LstripMethod},
    {"partition", PartitionMethod},
    {"removeprefix", RemoveAffix<true>},
    {"removesuffix", RemoveAffix<false>},
    {"replace", ReplaceMethod},
    {"rfind", FindMethod<true, false>},
    {"rindex", FindMethod<true, true>},
    {"rjust", JustifyMethod<Side::kRight>},
    {"rpartition", RpartitionMethod},
    {"rsplit", RsplitMethod},
    {"rstrip", RstripMethod},
    {"split", SplitMethod},
    {"splitlines", SplitlinesMethod},
    {"startswith", StartswithMethod},
    {"strip", StripMethod},
    {"swapcase", CaseMethod<Casing::kSwap>},
    {"title", CaseMethod<Casing::kTitle>},
    {"upper", CaseMethod<Casing::kUpper>},
    {"zfill", ZfillMethod},
};

}  // namespace

const BuiltinEntry* FindStringMethod(std::string_view name) {
  return FindBuiltin(kMethods, name);
}

}  // namespace sluice::tokenizer::jinja
