#pragma once

// HTTP/1.1 answers and server-sent events, read piece by piece as they come.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace sluice::load {

// One answer. Threads: one at a time.
class HttpReader {
 public:
  // `on_body` gets the body as it comes, without its framing.
  explicit HttpReader(std::function<void(std::string_view)> on_body)
      : on_body_(std::move(on_body)) {}

  // Errors: DATA_LOSS when this is no HTTP/1.1 or the head passes 64 KiB.
  absl::Status Feed(std::string_view bytes);
  // The connection was closed. Errors: DATA_LOSS in the middle of an answer.
  absl::Status Close();

  int status() const { return status_; }  // 0 before the head
  // Seconds of Retry-After; -1 without one.
  int64_t retry_after_s() const { return retry_after_s_; }
  bool done() const { return state_ == State::kDone; }
  // The connection may carry another request once this one is done.
  bool reusable() const { return reusable_; }

 private:
  enum class State { kHead, kBody, kSize, kChunk, kChunkEnd, kTrailer, kDone };

  // One step on what is held; false when it needs more bytes.
  bool Advance(absl::Status& status);
  bool ReadLine(std::string& line);
  absl::Status OnHeadLine(const std::string& line);
  absl::Status OnSizeLine(const std::string& line);
  void TakeBody(State next);

  const std::function<void(std::string_view)> on_body_;
  std::string held_;
  State state_ = State::kHead;
  size_t head_bytes_ = 0;
  int status_ = 0;
  int64_t retry_after_s_ = -1;
  int64_t left_ = -1;  // bytes of the body or chunk to come; -1: until closed
  bool chunked_ = false;
  bool reusable_ = true;
};

// Server-sent events. Threads: one at a time.
class SseReader {
 public:
  // Comments come with the name ":"; events without a name with "".
  using OnEvent =
      std::function<void(std::string_view name, std::string_view data)>;
  explicit SseReader(OnEvent on_event) : on_event_(std::move(on_event)) {}

  void Feed(std::string_view bytes);
  // Nothing of an event is left unread.
  bool at_end() const { return line_.empty() && !any_; }

 private:
  void OnLine(std::string_view line);

  const OnEvent on_event_;
  std::string line_;
  std::string name_;
  std::string data_;
  bool any_ = false;
  bool has_data_ = false;
};

}  // namespace sluice::load
