#pragma once

// A SentencePiece model (tokenizer.model), read without protobuf.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice {

enum class PieceKind {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};

struct SentencePiece {
  std::string text;  // UTF-8, not empty
  float score = 0;   // finite
  PieceKind kind = PieceKind::kNormal;
};

enum class SentencePieceAlgorithm { kUnigram = 1, kBpe = 2 };

struct SentencePieceModel {
  std::vector<SentencePiece> pieces;  // by id
  SentencePieceAlgorithm algorithm = SentencePieceAlgorithm::kUnigram;
  bool byte_fallback = false;
  bool space_as_suffix = false;
  std::string unknown_surface = " \u2047 ";  // what unknown ids decode to
  std::string charsmap;                      // compiled rewritings, or empty
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
};

// `name` is for messages. Errors: INVALID_ARGUMENT "name: what", UNIMPLEMENTED
// for other algorithms.
// Limits: 2^24 pieces of at most 1 KiB each.
absl::StatusOr<SentencePieceModel> ParseSentencePiece(std::string_view bytes,
                                                      std::string_view name);

}  // namespace sluice
