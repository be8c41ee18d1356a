#include "services/gateway/api/field_names.h"

namespace sluice::gateway::api {
namespace {

// "stop[2]" follows an alias of "stop": "stop_sequence[2]".
std::string_view WithoutIndex(std::string_view name) {
  return name.substr(0, name.find('['));
}

}  // namespace

std::string FieldNames::Of(std::string_view canonical) const {
  for (const auto& [name, written] : aliases) {
    if (name == canonical) return written;
  }
  const std::string_view stem = WithoutIndex(canonical);
  for (const auto& [name, written] : aliases) {
    if (name == stem) {
      return written + std::string(canonical.substr(stem.size()));
    }
  }
  return std::string(canonical);
}

std::string FieldNames::OfParam(std::string_view canonical) const {
  return params_prefix + Of(canonical);
}

}  // namespace sluice::gateway::api
