#pragma once

// Presets, named sampling parameters, and the chain in which defaults are
// taken: request, preset, model (its generation_config), neutral.

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/gateway/api/sampling_params.h"

namespace sluice::gateway {

// What /chat and /chat_stream take when no preset is named.
inline constexpr std::string_view kDefaultChatPreset = "balanced";

struct Preset {
  std::string name;
  api::SamplingParams params;
};

// Threads: immutable after construction.
class PresetCatalog {
 public:
  // REQUIRES: names are unique.
  explicit PresetCatalog(std::vector<Preset> presets);
  // "speed", "balanced" and "quality".
  static PresetCatalog BuiltIn();

  // Null for the empty name. Errors: NOT_FOUND "field: what, got, limit";
  // `field` is what the client called it.
  absl::StatusOr<const Preset*> Find(std::string_view field,
                                     std::string_view name) const;
  const std::vector<Preset>& presets() const { return presets_; }

 private:
  std::vector<Preset> presets_;
};

// The parameters that go to the Generator. A layer that sets a temperature and
// says nothing of do_sample means to sample: lower layers cannot switch it
// off. Stop strings and ids come from the first layer that has any. A preset's
// or model's max_new_tokens is cut to the context: it is ours, not the
// client's. What no layer sets stays absent, which is neutral.
api::SamplingParams ResolveParams(const api::SamplingParams& request,
                                  const Preset* preset,
                                  const api::SamplingParams& model_defaults,
                                  int64_t context_length);

}  // namespace sluice::gateway
