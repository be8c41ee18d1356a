#pragma once

// How answers look on each route: whole, as one JSON body, and streamed, as
// server-sent events. One object for one request.

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "services/gateway/api/event.h"

namespace sluice::gateway {

// All that an answer said.
struct WholeAnswer {
  std::string text = {};
  std::string reasoning = {};  // empty where the model has none
};

// Threads: one at a time.
class WholeReply {
 public:
  virtual ~WholeReply() = default;
  // `duration` since the request came.
  virtual std::string Body(const api::Started& started,
                           const WholeAnswer& answer,
                           const api::Finished& finished, Nanos duration) = 0;
};

// Threads: one at a time.
class StreamReply {
 public:
  virtual ~StreamReply() = default;
  // The bytes for one event, possibly none.
  virtual std::string Event(const api::Event& event) = 0;
  // The bytes of a good end; `duration` since the request came.
  virtual std::string End(Nanos duration) = 0;
  // The bytes of a failure after the start.
  virtual std::string Error(const absl::Status& status) = 0;
};

// POST /chat and /chat_stream.
std::unique_ptr<WholeReply> MakeNativeReply();
std::unique_ptr<StreamReply> MakeNativeStream();

struct OpenAiStyle {
  bool chat = true;  // or completions
  bool include_usage = false;
};
// POST /v1/chat/completions and /v1/completions.
std::unique_ptr<WholeReply> MakeOpenAiReply(const OpenAiStyle& style);
std::unique_ptr<StreamReply> MakeOpenAiStream(const OpenAiStyle& style);

// An event that a client ignores, so that it and what lies between see life.
std::string SseComment(const std::string& text);

// The events that give a conforming client exactly `text`: data lines, which
// it joins with newlines. A data line cannot hold a carriage return, so a text
// that has one goes as `event: text_json` with a JSON string.
std::string SseText(const std::string& text);

}  // namespace sluice::gateway
