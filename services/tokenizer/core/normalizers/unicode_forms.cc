#include "services/tokenizer/core/normalizers/unicode_forms.h"

#include <unicode/bytestream.h>
#include <unicode/edits.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>
#include <unicode/uchar.h>
#include <unicode/uniset.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/vocabulary/utf8.h"

namespace sluice::tokenizer {
namespace {

// One character and its combining class.
struct Mark {
  char32_t character;
  uint8_t combining_class;
};

const icu::Normalizer2* Instance(UnicodeForm form, UErrorCode& error) {
  const bool compatible =
      form == UnicodeForm::kNfkc || form == UnicodeForm::kNfkd;
  return compatible ? icu::Normalizer2::getNFKCInstance(error)
                    : icu::Normalizer2::getNFCInstance(error);
}

std::vector<TextChange> ChangesOf(const icu::Edits& edits) {
  std::vector<TextChange> changes;
  UErrorCode error = U_ZERO_ERROR;
  icu::Edits::Iterator at = edits.getFineChangesIterator();
  while (at.next(error)) {
    const auto begin = static_cast<uint32_t>(at.destinationIndex());
    const auto original = static_cast<uint32_t>(at.sourceIndex());
    changes.push_back(
        {begin, begin + at.newLength(), original, original + at.oldLength()});
  }
  return changes;
}

class Composed final : public Normalizer {
 public:
  Composed(const icu::Normalizer2* form,
           std::shared_ptr<const icu::UnicodeSet> known)
      : form_(form), known_(std::move(known)), old_(*form_, *known_) {}

  absl::Status Normalize(NormalizedText& text) const override {
    const std::string_view before = text.text();
    const icu::StringPiece source(before.data(),
                                  static_cast<int32_t>(before.size()));
    UErrorCode error = U_ZERO_ERROR;
    // What today's tables leave alone those of before did too: then a mark
    // assigned since joins nothing.
    if (form_->isNormalizedUTF8(source, error)) return absl::OkStatus();
    std::string after;
    icu::StringByteSink<std::string> sink(&after);
    icu::Edits edits;
    old_.normalizeUTF8(0, source, sink, &edits, error);
    SLUICE_CHECK(U_SUCCESS(error), "composing valid UTF-8 cannot fail");
    text.Replace(std::move(after), ChangesOf(edits));
    return absl::OkStatus();
  }

 private:
  const icu::Normalizer2* form_;  // owned by ICU
  std::shared_ptr<const icu::UnicodeSet> known_;
  icu::FilteredNormalizer2 old_;
};

class Decomposed final : public Normalizer {
 public:
  Decomposed(const icu::Normalizer2* form,
             std::shared_ptr<const icu::UnicodeSet> known)
      : form_(form), known_(std::move(known)) {}

  absl::Status Normalize(NormalizedText& text) const override {
    const std::string_view before = text.text();
    TextEdit edit(before);
    std::vector<Mark> run;
    while (edit.position() < before.size()) {
      const size_t begin = edit.position();
      size_t end = begin;
      run.clear();
      do {  // a starter and the marks behind it
        Append(DecodeUtf8(before.data() + end), run);
        end += Utf8Length(before[end]);
      } while (end < before.size() &&
               ClassOfFirst(DecodeUtf8(before.data() + end)) != 0);
      Write(run, before.substr(begin, end - begin), edit);
    }
    edit.Apply(text);
    return absl::OkStatus();
  }

 private:
  void Append(char32_t character, std::vector<Mark>& run) const {
    icu::UnicodeString parts;
    if (character < 0x80 || !IsKnown(character) ||
        !form_->getDecomposition(static_cast<UChar32>(character), parts)) {
      run.push_back({character, ClassOf(character)});
      return;
    }
    for (int32_t i = 0; i < parts.length(); i = parts.moveIndex32(i, 1)) {
      const auto part = static_cast<char32_t>(parts.char32At(i));
      run.push_back({part, ClassOf(part)});
    }
  }

  bool IsKnown(char32_t character) const {
    return known_->contains(static_cast<UChar32>(character)) != 0;
  }
  uint8_t ClassOf(char32_t character) const {
    if (character < 0x300 || !IsKnown(character)) return 0;
    return form_->getCombiningClass(static_cast<UChar32>(character));
  }
  // Of the first character of what a character becomes.
  uint8_t ClassOfFirst(char32_t character) const {
    if (character < 0x300) return 0;
    icu::UnicodeString parts;
    if (IsKnown(character) &&
        form_->getDecomposition(static_cast<UChar32>(character), parts)) {
      return ClassOf(static_cast<char32_t>(parts.char32At(0)));
    }
    return ClassOf(character);
  }

  static void Write(std::vector<Mark>& run, std::string_view before,
                    TextEdit& edit) {
    for (auto begin = run.begin(); begin != run.end();) {
      if (begin->combining_class == 0) {
        ++begin;
        continue;
      }
      auto end = std::find_if(begin, run.end(), [](const Mark& mark) {
        return mark.combining_class == 0;
      });
      std::stable_sort(begin, end, [](const Mark& a, const Mark& b) {
        return a.combining_class < b.combining_class;
      });
      begin = end;
    }
    std::string after;
    for (const Mark& mark : run) AppendUtf8(mark.character, after);
    if (after == before) {
      edit.Keep(before.size());
    } else {
      edit.Swap(before.size(), after);
    }
  }

  const icu::Normalizer2* form_;  // owned by ICU
  std::shared_ptr<const icu::UnicodeSet> known_;
};

// Pairs that ICU is too old for: a run of capitals and where it goes.
struct NewCapitals {
  char32_t first;
  char32_t last;
  char32_t lower;  // of the first
};
constexpr NewCapitals kNewCapitals[] = {
    {0x1C89, 0x1C89, 0x1C8A},    {0xA7CB, 0xA7CB, 0x264},
    {0xA7CC, 0xA7CC, 0xA7CD},    {0xA7CE, 0xA7CE, 0xA7CF},
    {0xA7D2, 0xA7D2, 0xA7D3},    {0xA7D4, 0xA7D4, 0xA7D5},
    {0xA7DA, 0xA7DA, 0xA7DB},    {0xA7DC, 0xA7DC, 0x19B},
    {0x10D50, 0x10D65, 0x10D70}, {0x16EA0, 0x16EB8, 0x16EBB},
};

char32_t LowerOf(char32_t character) {
  for (const NewCapitals& run : kNewCapitals) {
    if (character >= run.first && character <= run.last) {
      return run.lower + (character - run.first);
    }
  }
  return static_cast<char32_t>(u_tolower(static_cast<UChar32>(character)));
}

class Lowercase final : public Normalizer {
 public:
  absl::Status Normalize(NormalizedText& text) const override {
    constexpr char32_t kCapitalIWithDot = 0x130;
    const std::string_view before = text.text();
    TextEdit edit(before);
    std::string lower;
    while (edit.position() < before.size()) {
      const char* at = before.data() + edit.position();
      const size_t length = Utf8Length(*at);
      const char32_t character = DecodeUtf8(at);
      lower.clear();
      if (character == kCapitalIWithDot) {
        lower = "i\u0307";
      } else if (const char32_t small = LowerOf(character);
                 small != character) {
        AppendUtf8(small, lower);
      }
      if (lower.empty()) {
        edit.Keep(length);
      } else {
        edit.Swap(length, lower);
      }
    }
    edit.Apply(text);
    return absl::OkStatus();
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<Normalizer>> MakeUnicodeForm(UnicodeForm form) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* instance = Instance(form, error);
  auto known = std::make_shared<icu::UnicodeSet>(
      icu::UnicodeString(u"[:age=9.0:]"), error);
  if (U_FAILURE(error)) {
    return absl::InternalError(
        absl::StrCat("ICU has no normalisation: ", u_errorName(error)));
  }
  known->freeze();
  if (form == UnicodeForm::kNfc || form == UnicodeForm::kNfkc) {
    return std::make_unique<Composed>(instance, std::move(known));
  }
  return std::make_unique<Decomposed>(instance, std::move(known));
}

std::unique_ptr<Normalizer> MakeLowercase() {
  return std::make_unique<Lowercase>();
}

}  // namespace sluice::tokenizer
