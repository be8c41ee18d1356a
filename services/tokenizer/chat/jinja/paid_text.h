#pragma once

// A string that is paid for while it grows, so that no piece of work passes
// the limits before they are looked at.

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/limits.h"
#include "services/tokenizer/chat/jinja/text.h"

namespace sluice::tokenizer::jinja {

// Threads: one.
class PaidText {
 public:
  explicit PaidText(Budget& budget) : budget_(budget) {}

  // Errors: RESOURCE_EXHAUSTED, here and below; nothing is appended then.
  absl::Status Append(const Text& more) {
    RETURN_IF_ERROR(budget_.SpendAppend(text_.size(), more.extent()));
    text_.Append(more);
    return absl::OkStatus();
  }
  absl::Status AppendRange(const Text& other, size_t begin, size_t end) {
    RETURN_IF_ERROR(
        budget_.SpendAppend(text_.size(), other.ExtentOf(begin, end)));
    text_.AppendRange(other, begin, end);
    return absl::OkStatus();
  }
  absl::Status Append(std::string_view bytes, bool foreign) {
    RETURN_IF_ERROR(budget_.SpendAppend(text_.size(), bytes.size()));
    text_.Append(bytes, foreign);
    return absl::OkStatus();
  }

  Text Take() { return std::move(text_); }

 private:
  Budget& budget_;
  Text text_;
};

}  // namespace sluice::tokenizer::jinja
