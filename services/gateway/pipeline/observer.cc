#include "services/gateway/pipeline/observer.h"

namespace sluice::gateway {

std::string_view StageName(Stage stage) {
  switch (stage) {
    case Stage::kTokenize:
      return "tokenize";
    case Stage::kQueue:
      return "queue";
    case Stage::kPrefill:
      return "prefill";
    case Stage::kDecode:
      return "decode";
  }
  return "tokenize";
}

}  // namespace sluice::gateway
