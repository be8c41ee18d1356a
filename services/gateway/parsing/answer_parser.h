#pragma once

// Reads the answer of a model as it comes and says what is text, what is
// reasoning and what calls tools:
//
//   AnswerParser parser({.format = AnswerFormat::kQwen3});
//   for (std::string_view piece : stream) Send(parser.Push(piece));
//   Send(parser.Finish());
//
// The pieces added up depend on the text alone, not on how it was cut. A call
// is held until it is whole, so nothing that was sent is ever taken back; what
// turns out not to be a call is text as it was written, and reading goes on at
// the byte that broke it. White space around markers is layout and dropped.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/gateway/parsing/answer_delta.h"
#include "services/gateway/parsing/answer_format.h"
#include "services/gateway/parsing/call_reader.h"
#include "services/gateway/parsing/parser_limits.h"

namespace sluice::gateway {

struct AnswerParserOptions {
  AnswerFormat format = AnswerFormat::kPlain;
  bool tools = true;      // false: the request offers none, calls are text
  bool reasoning = true;  // false: thoughts stay in the text
  bool reasoning_open = false;      // the prompt ended inside the reasoning
  std::string call_id_prefix = {};  // ids are this and the index of the call
  ParserLimits limits = {};
};

// One sequence of one answer. Threads: one at a time. Constant time a byte;
// holds at most max_call_bytes and the object in them once more.
class AnswerParser {
 public:
  explicit AnswerParser(AnswerParserOptions options);

  // Any part of the answer, valid UTF-8 when put together.
  std::vector<AnswerPiece> Push(std::string_view piece);
  // The end of the answer. A call is whole when its object is. REQUIRES: the
  // last call.
  std::vector<AnswerPiece> Finish();

  // Bytes that wait for what follows them.
  size_t held_bytes() const { return held_.size() + partial_.size(); }

 private:
  // Where in the answer the next byte stands.
  enum class Spot {
    kStart,
    kReasoning,
    kBody,
    kAfterCall,
    kOpening,  // layout that makes sense only before a call
    kCall,
  };

  void Take(char c);
  bool TakeInCall(char c);
  bool TakeInMarker(char c);
  void TakeSpace(char c);
  bool OpensBareCall(char c);
  bool Expects(std::string_view marker) const;
  bool SomeMarkerStartsWith(std::string_view start) const;
  bool WholeMarker(std::string_view marker);
  void EnterText(Spot spot);
  void BeginCall(CallGrammar grammar);
  void EndCall();
  void KeepMarkerAndSpace();
  void Release();
  void Emit(std::string_view text);
  std::vector<AnswerPiece> Hand();

  AnswerParserOptions options_;
  std::vector<std::string_view> markers_;
  bool reasoning_;  // the format has it and it is wanted
  bool tools_;      // the format has them and they are wanted
  Spot spot_;
  bool may_repeat_think_;    // the model may write the prompt's marker again
  bool skip_space_ = false;  // the last thing was a marker
  bool spilled_ = false;     // in a run of white space past its limit
  bool tag_seen_ = false;    // a python tag before the call
  size_t space_run_ = 0;     // white space at the end of what is held
  size_t marker_bytes_ = 0;  // start of a marker at the end of what is held
  int calls_ = 0;
  std::string held_;
  std::optional<CallReader> reader_;
  std::string partial_;  // the start of a character
  std::vector<AnswerPiece> out_;
};

}  // namespace sluice::gateway
