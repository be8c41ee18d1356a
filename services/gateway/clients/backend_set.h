#pragma once

// The Tokenizers and Generators that this Gateway knows, and the choice among
// them.

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/telemetry/log.h"
#include "services/gateway/clients/generator_endpoint.h"
#include "services/gateway/clients/tokenizer_endpoint.h"
#include "services/gateway/pipeline/ports.h"

namespace sluice::gateway {

struct BackendAddresses {
  std::vector<std::string> tokenizers = {"127.0.0.1:50051"};  // host:port
  std::vector<std::string> generators = {"127.0.0.1:50052"};
};

// Threads: any.
class BackendSet final : public RouterPort {
 public:
  // Nothing is contacted before the first Tick. `clock` and `log` must outlive
  // it.
  BackendSet(const BackendAddresses& addresses, const Clock& clock,
             Logger& log);
  // Stops first.
  ~BackendSet() override;

  absl::StatusOr<Route> Pick(std::string_view field,
                             std::string_view model) override;
  std::vector<Route> Routes() const override;
  std::vector<ModelInfo> Models() const override;

  // OK while one pair of equal vocabulary is healthy; otherwise UNAVAILABLE
  // with the sentence that says what is missing.
  absl::Status Ready() const;
  // How many Tokenizers and Generators are healthy.
  std::pair<int, int> ready_counts() const;

  // Starts what is due: call it a few times a second.
  void Tick();
  // No more watching. REQUIRES: not on a gRPC thread.
  void Stop();

 private:
  struct Candidates;
  Candidates Ask() const;
  static absl::Status WhyNot(const Candidates& candidates);
  bool WasServed(std::string_view model) const;
  // RESOURCE_EXHAUSTED when each Generator of the model has a full queue.
  static absl::Status AllFull(const Candidates& candidates,
                              std::string_view model);

  const Clock& clock_;
  std::vector<std::shared_ptr<TokenizerEndpoint>> tokenizers_;
  std::vector<std::shared_ptr<GeneratorEndpoint>> generators_;
};

}  // namespace sluice::gateway
