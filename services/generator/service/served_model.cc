#include "services/generator/service/served_model.h"

#include <algorithm>

namespace sluice::generator {

int32_t ContextLength(const RunnerInfo& info, int32_t max_context) {
  int64_t length = info.context_length;
  length = std::min(length, int64_t{info.block_count} * info.block_size);
  if (max_context > 0) length = std::min<int64_t>(length, max_context);
  return static_cast<int32_t>(length);
}

}  // namespace sluice::generator
