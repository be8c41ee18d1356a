#pragma once

// Token ids of many documents, as `sluice-tokenizer train` and
// `sluice-tokenizer encode` write them: PREFIX.u16 holds the ids, little
// endian, one after the other; PREFIX.json says where documents begin and how
// an answer of the assistant is marked.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace sluice::generator {

// Limits: < 2^31 ids, vocabulary <= 65536, every document 2..2^20 ids.
// Threads: immutable after construction.
class IdFile {
 public:
  // A run [begin, end) of ids inside a document.
  struct Span {
    int32_t begin = 0;
    int32_t end = 0;
  };

  // Errors: NOT_FOUND; INVALID_ARGUMENT "FILE: what, got, limit".
  static absl::StatusOr<IdFile> Read(const std::string& prefix);

  int32_t vocabulary_size() const { return vocabulary_size_; }
  // Ends a document.
  int32_t end_of_text() const { return end_of_text_; }
  // Ends an answer.
  int32_t answer_end() const { return answer_end_; }
  int32_t documents() const {
    return static_cast<int32_t>(offsets_.size()) - 1;
  }
  int64_t tokens() const { return offsets_.back(); }
  // REQUIRES: 0 <= index < documents().
  absl::Span<const uint16_t> document(int32_t index) const;
  int32_t length(int32_t index) const;
  // What the assistant says in a document, each with its end mark: the ids
  // that a server would have to generate.
  std::vector<Span> Answers(int32_t index) const;

 private:
  IdFile() = default;
  absl::Status ReadIndex(const std::string& path);
  absl::Status ReadIds(const std::string& path);

  int32_t vocabulary_size_ = 0;
  int32_t end_of_text_ = 0;
  std::vector<uint16_t> answer_begin_;
  uint16_t answer_end_ = 0;
  std::vector<int64_t> offsets_;
  std::vector<uint16_t> ids_;
};

}  // namespace sluice::generator
