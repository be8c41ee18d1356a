#pragma once

// The file's `pre_tokenizer`: cuts a text into the pieces that the model sees,
// and may change the text on the way.

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "common/modelfiles/json.h"
#include "services/tokenizer/core/normalizers/normalized_text.h"
#include "services/tokenizer/core/pre_tokenizers/splitter.h"

namespace sluice::tokenizer {

// A text on its way to the model. Threads: one at a time.
struct PreTokenized {
  NormalizedText text;
  std::vector<Piece> pieces;  // of text.text(), ascending, not empty
  bool begins_input = true;   // the text stands first in the input
};

// One stage. Threads: any (immutable).
class PreTokenizerStep {
 public:
  virtual ~PreTokenizerStep() = default;
  // Errors: as Splitter.
  virtual absl::Status Run(PreTokenized& job) const = 0;
};

// Threads: any (immutable).
class PreTokenizer {
 public:
  // What a model behind ByteLevel gets: letters of its alphabet, or the bytes
  // themselves, which is quicker.
  enum class Alphabet { kLetters, kBytes };

  // Errors: UNIMPLEMENTED naming the component, INVALID_ARGUMENT for a pattern
  // that does not compile.
  static absl::StatusOr<PreTokenizer> FromJson(
      const std::optional<JsonValue>& json);

  // Whether ByteLevel comes last, so that kBytes may be asked for.
  bool ends_byte_level() const { return ends_byte_level_; }
  void set_alphabet(Alphabet alphabet) { alphabet_ = alphabet; }

  // REQUIRES: job.pieces is empty. Errors: as Splitter.
  absl::Status Run(PreTokenized& job) const;

 private:
  PreTokenizer() = default;
  absl::Status Add(const JsonValue& json);
  absl::Status AddByteLevel(const JsonValue& json);
  absl::Status AddMetaspace(const JsonValue& json);
  absl::Status AddSplit(const JsonValue& json);
  absl::StatusOr<std::unique_ptr<Splitter>> MakeSplitter(const JsonValue& json,
                                                         std::string_view type);
  void AddSplitter(std::unique_ptr<Splitter> splitter);

  std::vector<std::unique_ptr<PreTokenizerStep>> steps_;
  // What ByteLevel does last, left out under kBytes.
  std::unique_ptr<PreTokenizerStep> letters_;
  bool ends_byte_level_ = false;
  Alphabet alphabet_ = Alphabet::kLetters;
};

}  // namespace sluice::tokenizer
