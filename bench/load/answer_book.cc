#include "bench/load/answer_book.h"

#include <string_view>
#include <utility>

namespace sluice::load {
namespace {

bool Agree(std::string_view known, bool known_whole, std::string_view got,
           bool got_whole) {
  if (known_whole && got_whole) return known == got;
  if (known_whole) return known.starts_with(got);
  if (got_whole) return got.starts_with(known);
  return known.starts_with(got) || got.starts_with(known);
}

}  // namespace

void AnswerBook::Check(CallRecord& record) {
  if (record.question < 0 || record.answer.empty()) return;
  const auto [entry, fresh] = answers_.try_emplace(record.question);
  Answer& known = entry->second;
  if (!fresh) {
    ++compared_;
    if (!Agree(known.text, known.whole, record.answer, record.finished) &&
        record.violation.empty()) {
      record.violation = "another answer to the same question";
      return;
    }
  }
  if (!known.whole &&
      (record.finished || record.answer.size() > known.text.size())) {
    known = {std::move(record.answer), record.finished};
  }
}

}  // namespace sluice::load
