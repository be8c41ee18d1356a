#include "common/vocabulary/token_decoders.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice {
namespace {

void ReplaceAll(std::string_view literal, std::string_view content,
                std::string& text) {
  size_t at = text.find(literal);
  if (at == std::string::npos) return;
  std::string out;
  size_t done = 0;
  for (; at != std::string::npos; at = text.find(literal, done)) {
    out.append(text, done, at - done).append(content);
    done = at + literal.size();
  }
  text = out.append(text, done);
}

// What the Python library calls clean_up_tokenization.
void CleanUp(std::string& token) {
  struct Rule {
    std::string_view from;
    std::string_view to;
  };
  static constexpr std::array<Rule, 11> kRules = {{
      {" .", "."},
      {" ?", "?"},
      {" !", "!"},
      {" ,", ","},
      {" ' ", "'"},
      {" n't", "n't"},
      {" 'm", "'m"},
      {" do not", " don't"},
      {" 's", "'s"},
      {" 've", "'ve"},
      {" 're", "'re"},
  }};
  for (const Rule& rule : kRules) {
    ReplaceAll(rule.from, rule.to, token);
  }
}

class ReplaceDecoder final : public TokenDecoder {
 public:
  ReplaceDecoder(std::string literal, std::string content)
      : literal_(std::move(literal)), content_(std::move(content)) {}
  void Apply(TokenPlace, std::string& token) const override {
    ReplaceAll(literal_, content_, token);
  }

 private:
  std::string literal_;
  std::string content_;
};

struct CodeFree {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};

class RegexDecoder final : public TokenDecoder {
 public:
  RegexDecoder(std::unique_ptr<pcre2_code, CodeFree> code, std::string content)
      : code_(std::move(code)), content_(std::move(content)) {}

  void Apply(TokenPlace, std::string& token) const override {
    std::string out(token.size() * 2 + content_.size() + 64, '\0');
    PCRE2_SIZE length = out.size();
    const auto run = [&] {
      return pcre2_substitute(
          code_.get(), reinterpret_cast<PCRE2_SPTR>(token.data()), token.size(),
          0,
          PCRE2_SUBSTITUTE_GLOBAL | PCRE2_SUBSTITUTE_LITERAL |
              PCRE2_SUBSTITUTE_OVERFLOW_LENGTH,
          nullptr, nullptr, reinterpret_cast<PCRE2_SPTR>(content_.data()),
          content_.size(), reinterpret_cast<PCRE2_UCHAR*>(out.data()), &length);
    };
    int result = run();
    if (result == PCRE2_ERROR_NOMEMORY) {
      out.resize(length);
      result = run();
    }
    // A token too hard for the pattern stays as it is.
    if (result > 0) token = out.substr(0, length);
  }

 private:
  std::unique_ptr<pcre2_code, CodeFree> code_;
  std::string content_;
};

class StripDecoder final : public TokenDecoder {
 public:
  StripDecoder(std::string content, int64_t start, int64_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}
  void Apply(TokenPlace, std::string& token) const override {
    std::string_view rest = token;
    for (int64_t i = 0; i < start_ && rest.starts_with(content_); ++i) {
      rest.remove_prefix(content_.size());
    }
    for (int64_t i = 0; i < stop_ && rest.ends_with(content_); ++i) {
      rest.remove_suffix(content_.size());
    }
    token = std::string(rest);
  }

 private:
  std::string content_;
  int64_t start_;
  int64_t stop_;
};

class MetaspaceDecoder final : public TokenDecoder {
 public:
  MetaspaceDecoder(std::string replacement, bool drop_first)
      : replacement_(std::move(replacement)), drop_first_(drop_first) {}
  void Apply(TokenPlace place, std::string& token) const override {
    const bool drop = drop_first_ && place == TokenPlace::kFirst;
    ReplaceAll(replacement_, drop ? "" : " ", token);
  }

 private:
  std::string replacement_;
  bool drop_first_;
};

class WordPieceDecoder final : public TokenDecoder {
 public:
  WordPieceDecoder(std::string prefix, bool cleanup)
      : prefix_(std::move(prefix)), cleanup_(cleanup) {}
  void Apply(TokenPlace place, std::string& token) const override {
    if (place != TokenPlace::kFirst) {
      if (!prefix_.empty() && token.starts_with(prefix_)) {
        token.erase(0, prefix_.size());
      } else {
        token.insert(0, " ");
      }
    }
    if (cleanup_) CleanUp(token);
  }

 private:
  std::string prefix_;
  bool cleanup_;
};

class BpeSuffixDecoder final : public TokenDecoder {
 public:
  explicit BpeSuffixDecoder(std::string suffix) : suffix_(std::move(suffix)) {}
  void Apply(TokenPlace place, std::string& token) const override {
    ReplaceAll(suffix_, place == TokenPlace::kLast ? "" : " ", token);
  }

 private:
  std::string suffix_;
};

class CtcDecoder final : public TokenDecoder {
 public:
  CtcDecoder(std::string pad, std::string delimiter, bool cleanup)
      : pad_(std::move(pad)),
        delimiter_(std::move(delimiter)),
        cleanup_(cleanup) {}
  void Apply(TokenPlace, std::string& token) const override {
    if (!pad_.empty()) ReplaceAll(pad_, "", token);
    if (!cleanup_) return;
    CleanUp(token);
    if (!delimiter_.empty()) ReplaceAll(delimiter_, " ", token);
  }

 private:
  std::string pad_;
  std::string delimiter_;
  bool cleanup_;
};

class JoinDecoder final : public TokenDecoder {
 public:
  void Apply(TokenPlace place, std::string& token) const override {
    if (place != TokenPlace::kFirst) token.insert(0, " ");
  }
};

}  // namespace

std::unique_ptr<TokenDecoder> MakeReplaceDecoder(std::string literal,
                                                 std::string content) {
  return std::make_unique<ReplaceDecoder>(std::move(literal),
                                          std::move(content));
}

absl::StatusOr<std::unique_ptr<TokenDecoder>> MakeRegexDecoder(
    const std::string& regex, std::string content) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  std::unique_ptr<pcre2_code, CodeFree> code(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(regex.data()), regex.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error,
                    &offset, nullptr));
  if (code == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("tokenizer.json: decoder: pattern does not compile, at ",
                     offset, " of ", regex.size(), " bytes"));
  }
  return std::make_unique<RegexDecoder>(std::move(code), std::move(content));
}

std::unique_ptr<TokenDecoder> MakeStripDecoder(std::string content,
                                               int64_t start, int64_t stop) {
  return std::make_unique<StripDecoder>(std::move(content), start, stop);
}

std::unique_ptr<TokenDecoder> MakeMetaspaceDecoder(std::string replacement,
                                                   bool drop_first) {
  return std::make_unique<MetaspaceDecoder>(std::move(replacement), drop_first);
}

std::unique_ptr<TokenDecoder> MakeWordPieceDecoder(std::string prefix,
                                                   bool cleanup) {
  return std::make_unique<WordPieceDecoder>(std::move(prefix), cleanup);
}

std::unique_ptr<TokenDecoder> MakeBpeSuffixDecoder(std::string suffix) {
  return std::make_unique<BpeSuffixDecoder>(std::move(suffix));
}

std::unique_ptr<TokenDecoder> MakeCtcDecoder(std::string pad,
                                             std::string delimiter,
                                             bool cleanup) {
  return std::make_unique<CtcDecoder>(std::move(pad), std::move(delimiter),
                                      cleanup);
}

std::unique_ptr<TokenDecoder> MakeJoinDecoder() {
  return std::make_unique<JoinDecoder>();
}

}  // namespace sluice
