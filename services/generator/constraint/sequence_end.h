#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace sluice::generator {

enum class FinishReason {
  kEos,     // an end-of-sequence id
  kStop,    // a stop string or a stop id of the request
  kLength,  // max_new_tokens or the context is used up
};

// "eos", "stop", "length".
constexpr const char* FinishReasonName(FinishReason reason) {
  switch (reason) {
    case FinishReason::kEos:
      return "eos";
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
  }
  return "unknown";
}

// How a sequence ended.
struct SequenceEnd {
  FinishReason reason = FinishReason::kLength;
  std::string matched_stop = "";  // the stop string, if one matched
  // The stop or eos id, if one matched.
  std::optional<int32_t> matched_id = std::nullopt;
  // Bytes to cut from the end of the text of the ids given out last.
  int32_t trim_bytes = 0;
};

}  // namespace sluice::generator
