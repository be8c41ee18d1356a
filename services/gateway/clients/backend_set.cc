#include "services/gateway/clients/backend_set.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"
#include "services/gateway/api/validator.h"
#include "services/gateway/routing/pick.h"

namespace sluice::gateway {

namespace {

Route RouteOf(const TokenizerState& tokenizer,
              const GeneratorState& generator) {
  Route route{.model = generator.model,
              .vocabulary = tokenizer.vocabulary,
              .tokenizer = tokenizer.client,
              .generator = generator.client,
              .instance = generator.instance,
              .form = tokenizer.form};
  route.model.chat = tokenizer.has_chat_template;
  return route;
}

}  // namespace

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
                       Logger& log)
    : clock_(clock) {
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

absl::Status BackendSet::AllFull(const Candidates& candidates,
                                 std::string_view model) {
  const std::optional<Pair> pair = candidates.Pick(model);
  if (!pair) return absl::OkStatus();
  absl::Status full =
      WithReason(absl::ResourceExhaustedError(
                     "gateway: the queues of the generators are full"),
                 kReasonQueueFull);
  const Nanos delay =
      candidates.generators[pair->generator].gate->retry_delay();
  return delay > 0 ? WithRetryDelay(std::move(full), delay) : full;
}

absl::StatusOr<Route> BackendSet::Pick(std::string_view field,
                                       std::string_view model) {
  const Candidates all = Ask();
  const Nanos now = clock_.Now();
  Candidates candidates = all;
  std::erase_if(candidates.generators, [now](const GeneratorState& state) {
    return !state.gate->WouldPass(now);
  });
  const std::optional<Pair> pair = candidates.Pick(model);
  // Another request may have taken the last credit since.
  if (pair && candidates.generators[pair->generator].gate->TryPass(now)) {
    return RouteOf(candidates.tokenizers[pair->tokenizer],
                   candidates.generators[pair->generator]);
  }
  RETURN_IF_ERROR(AllFull(all, model));
  const std::optional<Pair> other = all.Pick("");
  if (!other) return WhyNot(all);
  if (WasServed(model)) {
    return absl::UnavailableError(
        "gateway: no healthy generator has the "
        "model");
  }
  const std::string& served = all.generators[other->generator].model.name;
  absl::Status not_found = absl::NotFoundError(
      absl::StrCat(std::string(field), ": no such model, got ",
                   api::Quoted(model), ", limit ", api::Quoted(served)));
  return WithReason(WithField(std::move(not_found), field), "MODEL_NOT_FOUND");
}

std::vector<Route> BackendSet::Routes() const {
  const Candidates candidates = Ask();
  std::vector<Route> routes;
  for (const GeneratorState& generator : candidates.generators) {
    for (const TokenizerState& tokenizer : candidates.tokenizers) {
      if (tokenizer.vocabulary->hash() == generator.model.vocabulary_hash) {
        routes.push_back(RouteOf(tokenizer, generator));
      }
    }
  }
  return routes;
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
