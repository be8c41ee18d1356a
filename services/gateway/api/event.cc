#include "services/gateway/api/event.h"

namespace sluice::gateway::api {

std::string_view FinishReasonName(FinishReason reason) {
  switch (reason) {
    case FinishReason::kEos:
      return "eos";
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
  }
  return "length";
}

}  // namespace sluice::gateway::api
