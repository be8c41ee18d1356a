#include "services/gateway/pipeline/ports.h"

#include <algorithm>

namespace sluice::gateway {

bool ModelInfo::Has(std::string_view feature) const {
  return std::find(features.begin(), features.end(), feature) != features.end();
}

}  // namespace sluice::gateway
