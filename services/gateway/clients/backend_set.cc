#include "services/gateway/clients/backend_set.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "services/gateway/api/validator.h"
#include "services/gateway/routing/pick.h"

namespace sluice::gateway {

// What is ready now, and the same as the picker sees it.
struct BackendSet::Candidates {
  std::vector<TokenizerState> tokenizers;
  std::vector<GeneratorState> generators;

  std::optional<Pair> Pick(std::string_view model) const {
    std::vector<TokenizerCandidate> from;
    for (const TokenizerState& state : tokenizers) {
      from.push_back({state.vocabulary->hash(), state.outstanding});
    }
    std::vector<GeneratorCandidate> to;
    for (const GeneratorState& state : generators) {
      to.push_back(
          {state.model.name, state.model.vocabulary_hash, state.outstanding});
    }
    return PickPair(from, to, model);
  }
};

BackendSet::BackendSet(const BackendAddresses& addresses, const Clock& clock,
                       Logger& log) {
  for (const std::string& address : addresses.tokenizers) {
    tokenizers_.push_back(
        std::make_shared<TokenizerEndpoint>(address, clock, log));
  }
  for (const std::string& address : addresses.generators) {
    generators_.push_back(
        std::make_shared<GeneratorEndpoint>(address, clock, log));
  }
}

BackendSet::~BackendSet() { Stop(); }

BackendSet::Candidates BackendSet::Ask() const {
  Candidates candidates;
  for (const auto& endpoint : tokenizers_) {
    if (auto state = endpoint->state()) {
      candidates.tokenizers.push_back(*std::move(state));
    }
  }
  for (const auto& endpoint : generators_) {
    if (auto state = endpoint->state()) {
      candidates.generators.push_back(*std::move(state));
    }
  }
  return candidates;
}

absl::Status BackendSet::WhyNot(const Candidates& candidates) {
  if (candidates.tokenizers.empty()) {
    return absl::UnavailableError("gateway: no tokenizer is healthy");
  }
  if (candidates.generators.empty()) {
    return absl::UnavailableError("gateway: no generator is healthy");
  }
  return absl::UnavailableError(
      "gateway: no tokenizer and generator share a vocabulary");
}

bool BackendSet::WasServed(std::string_view model) const {
  return std::any_of(generators_.begin(), generators_.end(),
                     [model](const auto& endpoint) {
                       return endpoint->last_model() == model;
                     });
}

absl::StatusOr<Route> BackendSet::Pick(std::string_view field,
                                       std::string_view model) {
  const Candidates candidates = Ask();
  const std::optional<Pair> pair = candidates.Pick(model);
  if (pair) {
    const TokenizerState& tokenizer = candidates.tokenizers[pair->tokenizer];
    const GeneratorState& generator = candidates.generators[pair->generator];
    Route route{.model = generator.model,
                .vocabulary = tokenizer.vocabulary,
                .tokenizer = tokenizer.client,
                .generator = generator.client};
    route.model.chat = tokenizer.has_chat_template;
    return route;
  }
  const std::optional<Pair> other = candidates.Pick("");
  if (!other) return WhyNot(candidates);
  if (WasServed(model)) {
    return absl::UnavailableError(
        "gateway: no healthy generator has the "
        "model");
  }
  const std::string& served =
      candidates.generators[other->generator].model.name;
  absl::Status not_found = absl::NotFoundError(
      absl::StrCat(std::string(field), ": no such model, got ",
                   api::Quoted(model), ", limit ", api::Quoted(served)));
  return WithReason(WithField(std::move(not_found), field), "MODEL_NOT_FOUND");
}

std::vector<ModelInfo> BackendSet::Models() const {
  const Candidates candidates = Ask();
  std::vector<ModelInfo> models;
  for (const GeneratorState& state : candidates.generators) {
    const std::string& name = state.model.name;
    const auto same = [&name](const ModelInfo& m) { return m.name == name; };
    if (std::any_of(models.begin(), models.end(), same)) continue;
    const std::optional<Pair> pair = candidates.Pick(name);
    if (!pair) continue;
    models.push_back(candidates.generators[pair->generator].model);
    models.back().chat =
        candidates.tokenizers[pair->tokenizer].has_chat_template;
  }
  return models;
}

absl::Status BackendSet::Ready() const {
  const Candidates candidates = Ask();
  if (candidates.Pick("")) return absl::OkStatus();
  return WhyNot(candidates);
}

std::pair<int, int> BackendSet::ready_counts() const {
  const auto ready = [](const auto& endpoint) { return endpoint->ready(); };
  return {std::count_if(tokenizers_.begin(), tokenizers_.end(), ready),
          std::count_if(generators_.begin(), generators_.end(), ready)};
}

void BackendSet::Tick() {
  for (const auto& endpoint : tokenizers_) endpoint->Tick();
  for (const auto& endpoint : generators_) endpoint->Tick();
}

void BackendSet::Stop() {
  for (const auto& endpoint : tokenizers_) endpoint->Stop();
  for (const auto& endpoint : generators_) endpoint->Stop();
}

}  // namespace sluice::gateway
