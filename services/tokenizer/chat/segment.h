#pragma once

// Rendered text that remembers who wrote which part of it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::tokenizer {

// Literal text comes from the template's author (template text, special token
// variables): special tokens written in it are meant. The rest came with the
// request: special tokens written in it must stay text.
struct Segment {
  std::string text;
  bool literal = true;
  // Stands for this id; the text only shows it.
  std::optional<int32_t> id = std::nullopt;

  friend bool operator==(const Segment&, const Segment&) = default;
};

// How to encode: find special tokens inside literal segments only (a match
// never crosses a segment border), then encode each stretch between two of
// them as ONE text without special matching. Stretches must not be cut at
// segment borders: merges go across them, as in Hugging Face. No token is
// added before or after; the template has written what the model wants.
//
// Where texts stand alone (a prompt that is built from ids) each segment
// without an id is encoded as a text of its own, without special matching.
struct RenderedChat {
  // Never empty texts; literal alternates unless texts stand alone.
  std::vector<Segment> segments = {};
  bool texts_stand_alone = false;

  std::string Text() const;
};

}  // namespace sluice::tokenizer
