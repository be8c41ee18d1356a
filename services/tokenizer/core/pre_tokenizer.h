#pragma once

// The file's `pre_tokenizer`: splitters one after the other, and whether a
// space is put before the text. ByteLevel comes last; byte-level models work
// on bytes, so that its alphabet never appears.

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/modelfiles/json.h"
#include "services/tokenizer/core/splitter.h"

namespace sluice::tokenizer {

// Threads: any (immutable).
class PreTokenizer {
 public:
  // Errors: UNIMPLEMENTED naming the component, INVALID_ARGUMENT for a pattern
  // that does not compile.
  static absl::StatusOr<PreTokenizer> FromJson(
      const std::optional<JsonValue>& json);

  // Whether ByteLevel is part of it.
  bool byte_level() const { return byte_level_; }
  // Whether a text that does not start with a space gets one in front.
  bool prepends_space() const { return prepends_space_; }
  // Cuts a text; empty for an empty one. Errors: as Splitter.
  absl::StatusOr<std::vector<Piece>> Split(std::string_view text) const;

 private:
  PreTokenizer() = default;
  absl::Status Add(const JsonValue& json);
  absl::Status AddByteLevel(const JsonValue& json);
  absl::Status AddSplit(const JsonValue& json);

  std::vector<std::unique_ptr<Splitter>> splitters_;
  bool prepends_space_ = false;
  bool byte_level_ = false;
};

}  // namespace sluice::tokenizer
