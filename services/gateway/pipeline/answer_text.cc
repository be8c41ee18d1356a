#include "services/gateway/pipeline/answer_text.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace sluice::gateway {
namespace {

// An opening marker, in the most pieces that a vocabulary can cut it into, and
// as much white space.
constexpr size_t kPromptTail = 2 * kThinkBegin.size();

// Adds the pieces up where they are of one kind.
struct Adder {
  std::vector<api::Delta>& out;

  void operator()(TextPiece piece) {
    if (out.empty() || out.back().text.empty()) out.emplace_back();
    out.back().text += piece.text;
  }
  void operator()(ReasoningPiece piece) {
    if (out.empty() || out.back().reasoning.empty()) out.emplace_back();
    out.back().reasoning += piece.text;
  }
  void operator()(ToolCallPiece piece) {
    if (out.empty() || out.back().tool_calls.empty()) out.emplace_back();
    out.back().tool_calls.push_back(
        {.index = piece.index,
         .id = std::move(piece.id),
         .name = std::move(piece.name),
         .arguments_json = std::move(piece.arguments)});
  }
};

void Add(std::vector<AnswerPiece> pieces, std::vector<api::Delta>& out) {
  for (AnswerPiece& piece : pieces) std::visit(Adder{out}, std::move(piece));
}

bool IsThought(std::string_view marker) {
  return marker == kThinkBegin || marker == kThinkEnd;
}

}  // namespace

AnswerText::AnswerText(std::shared_ptr<const Vocabulary> vocabulary,
                       const AnswerWish& wish)
    : vocabulary_(std::move(vocabulary)),
      decoder_(*vocabulary_, /*skip_special=*/true),
      options_({.format = wish.form.format,
                .tools = wish.tools,
                .reasoning = wish.reasoning,
                .call_id_prefix = wish.call_id_prefix}),
      parses_(
          wish.form.format != AnswerFormat::kPlain &&
          (wish.tools || (wish.reasoning && HasReasoning(wish.form.format)))) {
  if (!parses_) return;
  for (const SpecialMarker& marker : wish.form.special_markers) {
    if (IsThought(marker.text) ? wish.reasoning : wish.tools) {
      markers_.push_back(marker);
    }
  }
}

void AnswerText::OnPrompt(absl::Span<const int32_t> ids) {
  if (!parses_) return;
  const size_t begin = ids.size() - std::min(ids.size(), kPromptTail);
  std::string tail;
  for (const int32_t id : ids.subspan(begin)) {
    tail += vocabulary_->bytes(id);
  }
  options_.reasoning_open = PromptOpensReasoning(tail);
}

std::string_view AnswerText::MarkerOf(int32_t id) const {
  const auto found = std::find_if(
      markers_.begin(), markers_.end(),
      [id](const SpecialMarker& marker) { return marker.id == id; });
  return found == markers_.end() ? std::string_view() : found->text;
}

void AnswerText::Parse(std::string_view text, std::vector<api::Delta>& out) {
  if (parses_) {
    if (!parser_.has_value()) parser_.emplace(options_);
    return Add(parser_->Push(text), out);
  }
  if (!text.empty()) Adder{out}(TextPiece{std::string(text)});
}

absl::Span<const int32_t> AnswerText::TakeMarkers(
    absl::Span<const int32_t> ids, std::vector<api::Delta>& out) {
  size_t begin = 0;
  for (size_t i = 0; i < ids.size() && !markers_.empty(); ++i) {
    const std::string_view marker = MarkerOf(ids[i]);
    if (marker.empty()) continue;
    Parse(decoder_.Push(ids.subspan(begin, i - begin)), out);
    Parse(marker, out);
    begin = i + 1;
  }
  return ids.subspan(begin);
}

std::vector<api::Delta> AnswerText::Push(absl::Span<const int32_t> ids) {
  std::vector<api::Delta> out;
  const absl::Span<const int32_t> rest = TakeMarkers(ids, out);
  Parse(decoder_.Push(rest), out);
  return out;
}

std::vector<api::Delta> AnswerText::Finish(absl::Span<const int32_t> ids,
                                           int32_t trim_bytes) {
  // A marker inside what the stop cuts off goes with it.
  int64_t behind = 0;
  for (size_t i = ids.size(); i > 0 && behind < trim_bytes; --i) {
    if (!MarkerOf(ids[i - 1]).empty()) {
      ids = ids.first(i - 1);
      trim_bytes -= static_cast<int32_t>(behind);
      behind = 0;
    } else if (!vocabulary_->special(ids[i - 1])) {
      behind += static_cast<int64_t>(vocabulary_->bytes(ids[i - 1]).size());
    }
  }
  std::vector<api::Delta> out;
  const absl::Span<const int32_t> rest = TakeMarkers(ids, out);
  Parse(decoder_.Finish(rest, trim_bytes), out);
  if (parser_.has_value()) Add(parser_->Finish(), out);
  return out;
}

}  // namespace sluice::gateway
