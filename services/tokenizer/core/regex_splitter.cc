#include "services/tokenizer/core/regex_splitter.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/check.h"
#include "services/tokenizer/core/unicode/char_classes.h"

namespace sluice::tokenizer {
namespace {

constexpr size_t kMaxPatternBytes = size_t{64} << 10;
constexpr uint32_t kMatchLimit = 10'000'000;
constexpr uint32_t kHeapLimitKib = 64 << 10;

struct NamedClass {
  std::string_view name;
  std::string_view negated;
  CharClass wanted;
  bool replace;  // the engine's own class has characters that ours lacks
};

constexpr NamedClass kNamed[] = {
    {R"(\p{L})", R"(\P{L})", kLetter, false},
    {R"(\p{Lu})", R"(\P{Lu})", kUpper, false},
    {R"(\p{Ll})", R"(\P{Ll})", kLower, false},
    {R"(\p{Lt})", R"(\P{Lt})", kTitle, false},
    {R"(\p{Lm})", R"(\P{Lm})", kModifier, false},
    {R"(\p{Lo})", R"(\P{Lo})", kOtherLetter, false},
    {R"(\p{N})", R"(\P{N})", kNumber, false},
    {R"(\p{M})", R"(\P{M})", kMark, false},
    {R"(\p{P})", R"(\P{P})", kPunctuation, false},
    {R"(\p{S})", R"(\P{S})", kSymbol, false},
    {R"(\s)", R"(\S)", kSpace, true},
    {R"(\w)", R"(\W)", kWord, true},
};

// The inside of a bracket: the engine's class first, where it may stand,
// because its own test is quicker than a long list.
std::string Bracket(const NamedClass& named) {
  std::string inside(named.replace ? "" : named.name);
  for (const ClassRange& range : CharClasses::RangesOf(named.wanted)) {
    absl::StrAppendFormat(&inside, "\\x{%X}", uint32_t{range.first});
    if (range.last > range.first) {
      absl::StrAppendFormat(&inside, "-\\x{%X}", uint32_t{range.last});
    }
  }
  return inside;
}

// Copies a pattern and spells classes out; a negated class inside brackets
// stays the engine's, because there is no way to say it there.
class Rewriter {
 public:
  explicit Rewriter(std::string_view pattern) : rest_(pattern) {}

  std::string Run() {
    while (!rest_.empty()) {
      if (rest_[0] == '\\') {
        Escape();
      } else {
        Plain();
      }
    }
    return std::move(out_);
  }

 private:
  void Copy(size_t count) {
    out_.append(rest_.substr(0, count));
    rest_.remove_prefix(std::min(count, rest_.size()));
  }

  void Escape() {
    for (const NamedClass& named : kNamed) {
      const bool plain = rest_.starts_with(named.name);
      const bool negated = rest_.starts_with(named.negated);
      if (!plain && !(negated && !in_brackets_)) continue;
      rest_.remove_prefix(named.name.size());
      if (in_brackets_) {
        out_ += Bracket(named);
      } else {
        absl::StrAppend(&out_, negated ? "[^" : "[", Bracket(named), "]");
      }
      return;
    }
    Copy(2);
  }

  void Plain() {
    if (rest_[0] == '[' && !in_brackets_) {
      in_brackets_ = true;
      Copy(rest_.starts_with("[^") ? 2 : 1);
      return;
    }
    if (rest_[0] == ']') in_brackets_ = false;
    Copy(1);
  }

  std::string_view rest_;
  std::string out_;
  bool in_brackets_ = false;
};

struct Segment {
  Piece piece;
  bool is_match;
};

void AppendSegments(const std::vector<Segment>& segments,
                    SplitBehavior behavior, std::vector<Piece>& out) {
  bool join_next = false;
  bool previous_match = false;
  const size_t first = out.size();
  for (const Segment& segment : segments) {
    const bool match = segment.is_match;
    bool join = false;
    switch (behavior) {
      case SplitBehavior::kRemoved:
        if (match) continue;
        break;
      case SplitBehavior::kIsolated:
        break;
      case SplitBehavior::kContiguous:
        join = match == previous_match;
        break;
      case SplitBehavior::kMergedWithPrevious:
        join = match && !previous_match;
        break;
      case SplitBehavior::kMergedWithNext:
        join = !match && join_next;
        join_next = match;
        break;
    }
    previous_match = match;
    if (join && out.size() > first && out.back().end == segment.piece.begin) {
      out.back().end = segment.piece.end;
    } else if (segment.piece.begin < segment.piece.end) {
      out.push_back(segment.piece);
    }
  }
}

struct CodeFree {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct MatchFree {
  void operator()(pcre2_match_data* match) const {
    pcre2_match_data_free(match);
  }
};
struct ContextFree {
  void operator()(pcre2_match_context* context) const {
    pcre2_match_context_free(context);
  }
};
using Code = std::unique_ptr<pcre2_code, CodeFree>;
using Match = std::unique_ptr<pcre2_match_data, MatchFree>;
using Context = std::unique_ptr<pcre2_match_context, ContextFree>;

std::string Pcre2Message(int code) {
  PCRE2_UCHAR text[160];
  pcre2_get_error_message(code, text, sizeof(text));
  return reinterpret_cast<const char*>(text);
}

class RegexSplitter final : public Splitter {
 public:
  RegexSplitter(Code code, SplitBehavior behavior, bool invert)
      : code_(std::move(code)),
        context_(pcre2_match_context_create(nullptr)),
        behavior_(behavior),
        invert_(invert) {
    pcre2_set_match_limit(context_.get(), kMatchLimit);
    pcre2_set_heap_limit(context_.get(), kHeapLimitKib);
  }

  absl::Status Split(std::string_view text, Piece piece,
                     std::vector<Piece>& out) const override {
    const std::string_view subject = piece.In(text);
    const Match match(
        pcre2_match_data_create_from_pattern(code_.get(), nullptr));
    SLUICE_CHECK(match != nullptr, "out of memory");
    const PCRE2_SIZE* found = pcre2_get_ovector_pointer(match.get());
    std::vector<Segment> segments;
    size_t done = 0;
    const auto add = [&](size_t begin, size_t end, bool is_match) {
      if (begin == end) return;
      segments.push_back({{static_cast<uint32_t>(piece.begin + begin),
                           static_cast<uint32_t>(piece.begin + end)},
                          is_match != invert_});
    };
    for (size_t at = 0; at < subject.size();) {
      const int result = Find(subject, at, match.get());
      if (result == PCRE2_ERROR_NOMATCH) break;
      if (result < 0) return TooHard(result);
      add(done, found[0], false);
      add(found[0], found[1], true);
      done = found[1];
      at = found[1] > found[0] ? found[1] : After(subject, found[1]);
    }
    add(done, subject.size(), false);
    AppendSegments(segments, behavior_, out);
    return absl::OkStatus();
  }

 private:
  static size_t After(std::string_view subject, size_t at) {
    return at < subject.size() ? at + Utf8Length(subject[at]) : at + 1;
  }

  static absl::Status TooHard(int code) {
    return absl::ResourceExhaustedError(
        absl::StrCat("text: too hard for the splitting pattern of "
                     "tokenizer.json: ",
                     Pcre2Message(code), ", limit ", kMatchLimit, " steps"));
  }

  int Find(std::string_view subject, size_t at, pcre2_match_data* match) const {
    const auto run = [&](uint32_t options) {
      return pcre2_match(code_.get(),
                         reinterpret_cast<PCRE2_SPTR>(subject.data()),
                         subject.size(), at, PCRE2_NO_UTF_CHECK | options,
                         match, context_.get());
    };
    const int result = run(0);
    return result == PCRE2_ERROR_JIT_STACKLIMIT ? run(PCRE2_NO_JIT) : result;
  }

  Code code_;
  Context context_;
  SplitBehavior behavior_;
  bool invert_;
};

}  // namespace

std::string WithOwnClasses(std::string_view pattern) {
  return Rewriter(pattern).Run();
}

absl::StatusOr<std::unique_ptr<Splitter>> MakeRegexSplitter(
    const RegexSplit& split) {
  if (split.pattern.size() > kMaxPatternBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("tokenizer.json: pre_tokenizer: pattern is too long, got ",
                     split.pattern.size(), " bytes, limit ", kMaxPatternBytes));
  }
  const std::string pattern =
      split.literal ? split.pattern : WithOwnClasses(split.pattern);
  // In Ruby syntax ^ and $ stand at every line.
  uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C;
  options |= split.literal ? PCRE2_LITERAL : PCRE2_MULTILINE;
  if (split.literal) options &= ~(PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C);
  int error = 0;
  PCRE2_SIZE offset = 0;
  Code code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()),
                          pattern.size(), options, &error, &offset, nullptr));
  if (code == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("tokenizer.json: pre_tokenizer: pattern does not "
                     "compile: ",
                     Pcre2Message(error)));
  }
  // Without just-in-time code (a hardened kernel) the interpreter does it.
  pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);
  return std::make_unique<RegexSplitter>(std::move(code), split.behavior,
                                         split.invert);
}

}  // namespace sluice::tokenizer
