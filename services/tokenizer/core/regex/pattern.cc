#include "services/tokenizer/core/regex/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/vocabulary/utf8.h"
#include "services/tokenizer/core/regex/onig_syntax.h"

namespace sluice::tokenizer {
namespace {

constexpr size_t kMaxPatternBytes = size_t{64} << 10;
constexpr uint32_t kMatchLimit = 2'000'000;
constexpr uint32_t kHeapLimitKib = 64 << 10;

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
struct CompileContextFree {
  void operator()(pcre2_compile_context* context) const {
    pcre2_compile_context_free(context);
  }
};

std::string Pcre2Message(int code) {
  PCRE2_UCHAR text[160];
  pcre2_get_error_message(code, text, sizeof(text));
  return reinterpret_cast<const char*>(text);
}

absl::Status TooHard(int code) {
  return absl::ResourceExhaustedError(absl::StrCat(
      "text: too hard for a pattern of tokenizer.json: ", Pcre2Message(code),
      ", limit ", kMatchLimit, " steps"));
}

size_t After(std::string_view text, size_t at) {
  return at < text.size() ? at + Utf8Length(text[at]) : at + 1;
}

}  // namespace

struct Pattern::Compiled {
  std::unique_ptr<pcre2_code, CodeFree> code;
  std::unique_ptr<pcre2_match_context, ContextFree> context;

  int Find(std::string_view text, size_t at, pcre2_match_data* match) const {
    const auto run = [&](uint32_t options) {
      return pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                         text.size(), at, PCRE2_NO_UTF_CHECK | options, match,
                         context.get());
    };
    const int result = run(0);
    return result == PCRE2_ERROR_JIT_STACKLIMIT ? run(PCRE2_NO_JIT) : result;
  }
};

Pattern::Pattern(std::unique_ptr<Compiled> compiled)
    : compiled_(std::move(compiled)) {}
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;
Pattern::~Pattern() = default;

absl::StatusOr<Pattern> Pattern::Regex(std::string_view regex) {
  if (regex.size() > kMaxPatternBytes) return Compile(regex, false);
  ASSIGN_OR_RETURN(std::string translated, FromOnigSyntax(regex));
  return Compile(translated, false);
}

absl::StatusOr<Pattern> Pattern::Literal(std::string_view text) {
  return Compile(text, true);
}

absl::StatusOr<Pattern> Pattern::Compile(std::string_view pattern,
                                         bool literal) {
  if (pattern.size() > kMaxPatternBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("tokenizer.json: pattern: too long, got ", pattern.size(),
                     " bytes, limit ", kMaxPatternBytes));
  }
  // In Ruby syntax ^ and $ stand at every line.
  const uint32_t options =
      PCRE2_UTF |
      (literal ? PCRE2_LITERAL
               : PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_MULTILINE);
  std::unique_ptr<pcre2_compile_context, CompileContextFree> context(
      pcre2_compile_context_create(nullptr));
  SLUICE_CHECK(context != nullptr, "out of memory");
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE offset = 0;
  auto compiled = std::make_unique<Compiled>();
  compiled->code.reset(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()),
                    pattern.size(), options, &error, &offset, context.get()));
  if (compiled->code == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tokenizer.json: pattern: does not compile: ", Pcre2Message(error)));
  }
  // Without just-in-time code (a hardened kernel) the interpreter does it.
  pcre2_jit_compile(compiled->code.get(), PCRE2_JIT_COMPLETE);
  compiled->context.reset(pcre2_match_context_create(nullptr));
  SLUICE_CHECK(compiled->context != nullptr, "out of memory");
  pcre2_set_match_limit(compiled->context.get(), kMatchLimit);
  pcre2_set_heap_limit(compiled->context.get(), kHeapLimitKib);
  return Pattern(std::move(compiled));
}

absl::Status Pattern::ForEachMatch(
    std::string_view text,
    absl::FunctionRef<void(size_t begin, size_t end)> visit) const {
  const std::unique_ptr<pcre2_match_data, MatchFree> match(
      pcre2_match_data_create_from_pattern(compiled_->code.get(), nullptr));
  SLUICE_CHECK(match != nullptr, "out of memory");
  const PCRE2_SIZE* found = pcre2_get_ovector_pointer(match.get());
  for (size_t at = 0; at <= text.size();) {
    const int result = compiled_->Find(text, at, match.get());
    if (result == PCRE2_ERROR_NOMATCH) break;
    if (result < 0) return TooHard(result);
    visit(found[0], found[1]);
    at = found[1] > found[0] ? found[1] : After(text, found[1]);
  }
  return absl::OkStatus();
}

}  // namespace sluice::tokenizer
