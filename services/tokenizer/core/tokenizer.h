#pragma once

// Text <-> ids as the model's authors published them (tokenizer.json).

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/modelfiles/json.h"
#include "common/vocabulary/vocabulary.h"

namespace sluice::tokenizer {

struct EncodeOptions {
  bool add_special_tokens = true;  // what the post-processor adds
  bool parse_special = true;       // match special tokens written in the text
};

// Bytes [begin, end) of the input text.
struct ByteOffset {
  int32_t begin = 0;
  int32_t end = 0;
};

struct Encoding {
  std::vector<int32_t> ids;
  std::vector<ByteOffset> offsets;  // as many as ids, when asked for
};

// A part of a text that is encoded as one.
struct TextPart {
  std::string_view text;
  bool parse_special = true;  // match special tokens written in this part
};

// Threads: any (immutable after construction; caches inside are their own).
class Tokenizer {
 public:
  // Reads the tokenizer of a model directory, or one file of a kind that such
  // a directory may hold; see common/vocabulary/tokenizer_files.h.
  // Errors: NOT_FOUND, INVALID_ARGUMENT ("tokenizer.json: what, got, limit"),
  // UNIMPLEMENTED naming a component that is not supported.
  static absl::StatusOr<std::unique_ptr<Tokenizer>> FromDirectory(
      const std::string& directory);
  static absl::StatusOr<std::unique_ptr<Tokenizer>> FromFile(
      const std::string& path);
  // `root` is what tokenizer.json holds.
  static absl::StatusOr<std::unique_ptr<Tokenizer>> FromJson(
      const JsonValue& root);

  virtual ~Tokenizer() = default;

  // Errors: INVALID_ARGUMENT when text is not UTF-8.
  virtual absl::StatusOr<std::vector<int32_t>> Encode(
      std::string_view text, const EncodeOptions& options) const = 0;
  virtual absl::StatusOr<Encoding> EncodeWithOffsets(
      std::string_view text, const EncodeOptions& options) const = 0;

  // Two texts and what the post-processor puts around them.
  virtual absl::StatusOr<std::vector<int32_t>> EncodePair(
      std::string_view first, std::string_view second,
      const EncodeOptions& options) const = 0;

  // The ids of all parts as ONE text: merges go across their borders, matches
  // of added tokens never do. Each part alone need not be UTF-8.
  virtual absl::StatusOr<std::vector<int32_t>> EncodeParts(
      absl::Span<const TextPart> parts, bool add_special_tokens) const = 0;

  // One-shot decode; ids past the vocabulary decode to nothing.
  virtual std::string Decode(absl::Span<const int32_t> ids,
                             bool skip_special) const = 0;

  virtual const Vocabulary& vocabulary() const = 0;
  // For example "byte-level-bpe".
  virtual std::string_view kind() const = 0;
};

}  // namespace sluice::tokenizer
