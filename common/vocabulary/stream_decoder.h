#pragma once

// Ids -> text of one stream, always whole UTF-8: an id that ends inside a
// character is held until the character is whole, invalid bytes become U+FFFD
// as WHATWG decoders do. A U+FFFD at the end, and what the end of the text
// would lose, waits for the next id. The concatenated pieces equal the text of
// all ids at once.

#include <cstdint>
#include <string>

#include "absl/types/span.h"
#include "common/vocabulary/vocabulary.h"

namespace sluice {

// The vocabulary must outlive the decoder. Threads: one at a time.
class StreamDecoder {
 public:
  StreamDecoder(const Vocabulary& vocabulary, bool skip_special);

  // The text that these ids complete.
  std::string Push(absl::Span<const int32_t> ids);
  // The rest of the text: that of `ids`, the last ones, less its last
  // `trim_bytes` bytes. What is incomplete at the end becomes U+FFFD.
  std::string Finish(absl::Span<const int32_t> ids = {},
                     int32_t trim_bytes = 0);

 private:
  // Appends the bytes of an id to pending_.
  void Take(int32_t id);
  // The form of an entry for its place; what the last token would not have
  // goes to held_.
  std::string_view FormOf(const VocabularyEntry& entry);
  // How many bytes of pending_ may leave.
  size_t Ready() const;
  void StripEnd();

  const Vocabulary* vocabulary_;
  bool skip_special_;
  bool at_first_ = true;    // no token yet
  std::string strip_;       // what the ends of the text lose
  int32_t strip_left_ = 0;  // how often the start still may
  int32_t previous_ = -1;
  std::string pending_;
  // Comes after pending_ once another id follows, or at the end.
  std::string_view held_;
  std::string_view held_at_end_;
};

}  // namespace sluice
