#pragma once

// Ids of an answer become text, and where the request wants it, text becomes
// reasoning and tool calls.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "common/vocabulary/stream_decoder.h"
#include "common/vocabulary/vocabulary.h"
#include "services/gateway/api/event.h"
#include "services/gateway/parsing/answer_parser.h"
#include "services/gateway/pipeline/answer_form.h"

namespace sluice::gateway {

// What the parts of an answer are asked to become.
struct AnswerWish {
  AnswerForm form = {};
  bool tools = false;      // the request offers some
  bool reasoning = false;  // told apart where the format has it
  std::string call_id_prefix = {};
};

// One sequence. Threads: one at a time.
class AnswerText {
 public:
  AnswerText(std::shared_ptr<const Vocabulary> vocabulary,
             const AnswerWish& wish);

  // The ids before the answer. REQUIRES: called once at most, before the rest.
  void OnPrompt(absl::Span<const int32_t> ids);

  // What these ids complete, in order: one Delta for each kind. No tokens are
  // set; may be empty.
  std::vector<api::Delta> Push(absl::Span<const int32_t> ids);
  // The rest: that of `ids`, the last ones, less the last `trim_bytes` bytes
  // of their text without special tokens. REQUIRES: the last call.
  std::vector<api::Delta> Finish(absl::Span<const int32_t> ids,
                                 int32_t trim_bytes);

 private:
  std::string_view MarkerOf(int32_t id) const;
  // Decodes up to the last marker among `ids` that the decoder leaves out;
  // returns the ids behind it.
  absl::Span<const int32_t> TakeMarkers(absl::Span<const int32_t> ids,
                                        std::vector<api::Delta>& out);
  void Parse(std::string_view text, std::vector<api::Delta>& out);

  std::shared_ptr<const Vocabulary> vocabulary_;
  StreamDecoder decoder_;
  std::vector<SpecialMarker> markers_;
  AnswerParserOptions options_;
  bool parses_;
  std::optional<AnswerParser> parser_;  // made with the first ids
};

}  // namespace sluice::gateway
