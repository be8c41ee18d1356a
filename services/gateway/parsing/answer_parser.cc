#include "services/gateway/parsing/answer_parser.h"

#include <algorithm>
#include <utility>

namespace sluice::gateway {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

size_t CharacterBytes(unsigned char lead) {
  if (lead >= 0xF0 && lead < 0xF8) return 4;
  if (lead >= 0xE0) return lead < 0xF0 ? 3 : 1;
  return lead >= 0xC0 ? 2 : 1;
}

// Bytes at the end of `text` that begin a character and do not end it.
size_t PartialCharacterBytes(std::string_view text) {
  for (size_t back = 1; back <= std::min<size_t>(3, text.size()); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0) == 0x80) continue;
    return CharacterBytes(byte) > back ? back : 0;
  }
  return 0;
}

std::string& TextOf(AnswerPiece& piece) {
  if (auto* text = std::get_if<TextPiece>(&piece)) return text->text;
  return std::get<ReasoningPiece>(piece).text;
}

}  // namespace

AnswerParser::AnswerParser(AnswerParserOptions options)
    : options_(std::move(options)),
      markers_(MarkersOf(options_.format)),
      reasoning_(options_.reasoning && HasReasoning(options_.format)),
      tools_(options_.tools && options_.format != AnswerFormat::kPlain),
      spot_(reasoning_ && options_.reasoning_open ? Spot::kReasoning
                                                  : Spot::kStart),
      may_repeat_think_(spot_ == Spot::kReasoning),
      skip_space_(spot_ == Spot::kReasoning) {}

std::vector<AnswerPiece> AnswerParser::Push(std::string_view piece) {
  if (!reasoning_ && !tools_) {
    Emit(piece);
    return Hand();
  }
  for (char c : piece) Take(c);
  return Hand();
}

std::vector<AnswerPiece> AnswerParser::Finish() {
  if (spot_ == Spot::kCall && reader_->call().has_value()) {
    EndCall();
  } else {
    if (spot_ == Spot::kCall) spot_ = Spot::kBody;
    Release();
  }
  if (!partial_.empty()) Emit("");
  return std::exchange(out_, {});
}

// Each state either keeps the byte or gives back what is held and lets the
// byte be taken as one of the text, where every byte is kept or sent.
void AnswerParser::Take(char c) {
  if (spot_ == Spot::kCall && TakeInCall(c)) return;
  if (marker_bytes_ > 0 && TakeInMarker(c)) return;
  if (IsSpace(c)) return TakeSpace(c);
  spilled_ = false;
  if (c == '<' && SomeMarkerStartsWith("<")) {
    held_.push_back(c);
    marker_bytes_ = 1;
    return;
  }
  skip_space_ = false;
  if (OpensBareCall(c)) return;
  Release();
  if (spot_ != Spot::kReasoning) spot_ = Spot::kBody;
  may_repeat_think_ = false;
  Emit(std::string_view(&c, 1));
}

void AnswerParser::TakeSpace(char c) {
  if (skip_space_) return;
  if (spilled_) return Emit(std::string_view(&c, 1));
  held_.push_back(c);
  if (++space_run_ <= options_.limits.max_space_bytes) return;
  Release();
  spilled_ = true;
  if (spot_ != Spot::kReasoning) spot_ = Spot::kBody;
}

// False: the byte belongs to no marker and what was held has been sent.
bool AnswerParser::TakeInMarker(char c) {
  held_.push_back(c);
  ++marker_bytes_;
  const std::string_view seen =
      std::string_view(held_).substr(held_.size() - marker_bytes_);
  for (std::string_view marker : markers_) {
    if (marker == seen && Expects(marker)) return WholeMarker(marker);
  }
  if (SomeMarkerStartsWith(seen)) return true;
  held_.pop_back();
  Release();
  if (spot_ != Spot::kReasoning) spot_ = Spot::kBody;
  may_repeat_think_ = false;
  skip_space_ = false;
  return false;
}

bool AnswerParser::SomeMarkerStartsWith(std::string_view start) const {
  return std::any_of(markers_.begin(), markers_.end(),
                     [&](std::string_view marker) {
                       return marker.starts_with(start) && Expects(marker);
                     });
}

bool AnswerParser::Expects(std::string_view marker) const {
  if (spot_ == Spot::kReasoning) {
    return marker == kThinkEnd || (marker == kThinkBegin && may_repeat_think_);
  }
  if (marker == kThinkBegin) return reasoning_ && spot_ == Spot::kStart;
  if (!tools_) return false;
  if (marker == kDeepSeekCallsEnd) return spot_ == Spot::kAfterCall;
  if (calls_ >= options_.limits.max_calls) return false;
  if (marker == kPythonTag) return spot_ != Spot::kBody && !tag_seen_;
  return marker == kCallBegin || marker == kDeepSeekCallsBegin ||
         marker == kDeepSeekCallBegin;
}

bool AnswerParser::WholeMarker(std::string_view marker) {
  if (marker == kThinkBegin) {
    EnterText(Spot::kReasoning);
  } else if (marker == kThinkEnd) {
    EnterText(Spot::kBody);
  } else if (marker == kDeepSeekCallsEnd) {
    EnterText(Spot::kBody);
  } else if (marker == kCallBegin) {
    BeginCall(CallGrammar::kTagged);
  } else if (marker == kDeepSeekCallBegin) {
    BeginCall(CallGrammar::kFenced);
  } else {
    if (marker == kDeepSeekCallsBegin) KeepMarkerAndSpace();
    tag_seen_ = marker == kPythonTag;
    spot_ = Spot::kOpening;
    space_run_ = 0;
    marker_bytes_ = 0;
    skip_space_ = false;
  }
  return true;
}

// A list that opens anew: what was held for the one before is text.
void AnswerParser::KeepMarkerAndSpace() {
  if (spot_ != Spot::kOpening) return;
  Emit(std::string_view(held_).substr(
      0, held_.size() - marker_bytes_ - space_run_));
  held_.erase(0, held_.size() - marker_bytes_ - space_run_);
}

void AnswerParser::EnterText(Spot spot) {
  held_.clear();
  marker_bytes_ = 0;
  space_run_ = 0;
  spot_ = spot;
  skip_space_ = true;
  may_repeat_think_ = false;
}

void AnswerParser::BeginCall(CallGrammar grammar) {
  spot_ = Spot::kCall;
  marker_bytes_ = 0;
  space_run_ = 0;
  skip_space_ = false;
  reader_.emplace(grammar, options_.limits);
}

// Llama-3 writes calls without a marker, the next one behind a semicolon.
bool AnswerParser::OpensBareCall(char c) {
  if (options_.format != AnswerFormat::kLlama3 || !tools_) return false;
  if (spot_ == Spot::kBody || calls_ >= options_.limits.max_calls) return false;
  if (c == ';' && spot_ == Spot::kAfterCall) {
    held_.push_back(c);
    spot_ = Spot::kOpening;
    return true;
  }
  if (c != '{') return false;
  BeginCall(CallGrammar::kBare);
  return TakeInCall(c);
}

// False: the byte belongs to no call and what was held has been sent.
bool AnswerParser::TakeInCall(char c) {
  const CallReader::Step step = held_.size() >= options_.limits.max_call_bytes
                                    ? CallReader::Step::kBad
                                    : reader_->Push(c);
  if (step == CallReader::Step::kBad) {
    spot_ = Spot::kBody;
    reader_.reset();
    Release();
    return false;
  }
  held_.push_back(c);
  if (step == CallReader::Step::kDone) EndCall();
  return true;
}

void AnswerParser::EndCall() {
  CallFields call = *reader_->call();
  reader_.reset();
  out_.push_back(
      ToolCallPiece{.index = calls_,
                    .id = options_.call_id_prefix + std::to_string(calls_),
                    .name = std::move(call.name),
                    .arguments = std::move(call.arguments)});
  ++calls_;
  tag_seen_ = false;
  EnterText(Spot::kAfterCall);
}

void AnswerParser::Release() {
  Emit(held_);
  held_.clear();
  marker_bytes_ = 0;
  space_run_ = 0;
  tag_seen_ = false;
}

void AnswerParser::Emit(std::string_view text) {
  const bool reasoning = spot_ == Spot::kReasoning;
  if (text.empty() && partial_.empty()) return;
  const size_t kind = reasoning ? 1 : 0;
  if (out_.empty() || out_.back().index() != kind) {
    out_.push_back(reasoning ? AnswerPiece(ReasoningPiece{})
                             : AnswerPiece(TextPiece{}));
  }
  TextOf(out_.back()).append(partial_).append(text);
  partial_.clear();
}

std::vector<AnswerPiece> AnswerParser::Hand() {
  if (out_.empty() || std::holds_alternative<ToolCallPiece>(out_.back())) {
    return std::exchange(out_, {});
  }
  std::string& last = TextOf(out_.back());
  const size_t partial = PartialCharacterBytes(last);
  partial_ = last.substr(last.size() - partial);
  last.resize(last.size() - partial);
  if (last.empty()) out_.pop_back();
  return std::exchange(out_, {});
}

}  // namespace sluice::gateway
