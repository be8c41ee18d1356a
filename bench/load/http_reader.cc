#include "bench/load/http_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sluice::load {
namespace {

constexpr size_t kMaxHeadBytes = 64 << 10;

// "name: value" with the name in lower case; the value is empty when the line
// has another name.
std::string ValueOf(const std::string& line, std::string_view name) {
  const size_t colon = line.find(':');
  if (colon != name.size()) return "";
  if (absl::AsciiStrToLower(line.substr(0, colon)) != name) return "";
  return std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)));
}

}  // namespace

absl::Status HttpReader::Feed(std::string_view bytes) {
  held_.append(bytes);
  absl::Status status;
  while (status.ok() && Advance(status)) continue;
  return status;
}

absl::Status HttpReader::Close() {
  if (state_ == State::kBody && left_ < 0) state_ = State::kDone;
  reusable_ = false;
  if (done()) return absl::OkStatus();
  return absl::DataLossError("http: closed in the middle of an answer");
}

bool HttpReader::ReadLine(std::string& line) {
  const size_t end = held_.find("\r\n");
  if (end == std::string::npos) return false;
  line = held_.substr(0, end);
  held_.erase(0, end + 2);
  return true;
}

bool HttpReader::Advance(absl::Status& status) {
  std::string line;
  switch (state_) {
    case State::kHead:
      if (!ReadLine(line)) {
        if (held_.size() > kMaxHeadBytes) {
          status = absl::DataLossError("http: the head is too long");
        }
        return false;
      }
      status = OnHeadLine(line);
      return true;
    case State::kSize:
      if (!ReadLine(line)) return false;
      status = OnSizeLine(line);
      return true;
    case State::kBody:
      TakeBody(State::kDone);
      return false;
    case State::kChunk:
      TakeBody(State::kChunkEnd);
      return state_ != State::kChunk;
    case State::kChunkEnd:
      if (!ReadLine(line)) return false;
      state_ = State::kSize;
      if (!line.empty()) status = absl::DataLossError("http: bad chunk end");
      return true;
    case State::kTrailer:
      if (!ReadLine(line)) return false;
      if (line.empty()) state_ = State::kDone;
      return true;
    case State::kDone:
      break;
  }
  if (!held_.empty()) {
    status = absl::DataLossError("http: bytes after the end of the answer");
  }
  return false;
}

absl::Status HttpReader::OnHeadLine(const std::string& line) {
  head_bytes_ += line.size();
  if (head_bytes_ > kMaxHeadBytes) {
    return absl::DataLossError("http: the head is too long");
  }
  if (status_ == 0) {
    if (line.starts_with("HTTP/1.1 ") && line.size() >= 12 &&
        absl::SimpleAtoi(line.substr(9, 3), &status_)) {
      return absl::OkStatus();
    }
    return absl::DataLossError(absl::StrCat("http: no status line: ", line));
  }
  int64_t number = 0;
  if (absl::SimpleAtoi(ValueOf(line, "content-length"), &number)) {
    left_ = number;
  } else if (absl::SimpleAtoi(ValueOf(line, "retry-after"), &number)) {
    retry_after_s_ = number;
  } else if (ValueOf(line, "transfer-encoding") == "chunked") {
    chunked_ = true;
  } else if (ValueOf(line, "connection") == "close") {
    reusable_ = false;
  } else if (line.empty()) {
    state_ = chunked_ ? State::kSize : State::kBody;
    if (!chunked_ && left_ == 0) state_ = State::kDone;
  }
  return absl::OkStatus();
}

absl::Status HttpReader::OnSizeLine(const std::string& line) {
  constexpr uint64_t kMaxChunk = uint64_t{1} << 40;
  uint64_t size = 0;
  if (!absl::SimpleHexAtoi(line.substr(0, line.find(';')), &size) ||
      size > kMaxChunk) {
    return absl::DataLossError(absl::StrCat("http: bad chunk size: ", line));
  }
  left_ = static_cast<int64_t>(size);
  state_ = size == 0 ? State::kTrailer : State::kChunk;
  return absl::OkStatus();
}

void HttpReader::TakeBody(State next) {
  size_t take = held_.size();
  if (left_ >= 0) take = std::min(take, static_cast<size_t>(left_));
  const std::string piece = held_.substr(0, take);
  held_.erase(0, take);
  if (left_ >= 0) left_ -= static_cast<int64_t>(take);
  if (left_ == 0) state_ = next;
  if (!piece.empty()) on_body_(piece);
}

void SseReader::Feed(std::string_view bytes) {
  while (true) {
    const size_t end = bytes.find('\n');
    line_.append(bytes.substr(0, end));
    if (end == std::string_view::npos) return;
    bytes.remove_prefix(end + 1);
    if (!line_.empty() && line_.back() == '\r') line_.pop_back();
    const std::string line = std::exchange(line_, {});
    OnLine(line);
  }
}

void SseReader::OnLine(std::string_view line) {
  if (line.empty()) {
    if (any_) on_event_(name_, data_);
    any_ = has_data_ = false;
    name_.clear();
    data_.clear();
    return;
  }
  const size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value =
      colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (colon == 0) return on_event_(":", value);
  if (field == "event") {
    name_ = std::string(value);
    any_ = true;
  } else if (field == "data") {
    if (has_data_) data_ += '\n';
    data_ += value;
    has_data_ = any_ = true;
  }
}

}  // namespace sluice::load
