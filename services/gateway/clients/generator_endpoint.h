#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/gateway/clients/endpoint.h"
#include "services/gateway/clients/generator_client.h"
#include "services/gateway/clients/queue_gate.h"

namespace sluice::gateway {

// What a healthy Generator serves. `model.chat` is the Tokenizer's to say.
struct GeneratorState {
  ModelInfo model;
  std::shared_ptr<GeneratorClient> client;
  std::shared_ptr<QueueGate> gate;
  int64_t outstanding = 0;
  std::string instance = {};  // this run of the process behind the address
};

// Threads: any.
class GeneratorEndpoint final : public Endpoint {
 public:
  GeneratorEndpoint(std::string address, const Clock& clock, Logger& log);

  // Nothing while it is not ready.
  std::optional<GeneratorState> state() const;
  // Name of the model that it served last; empty before the first time.
  std::string last_model() const;

 private:
  void Probe() override;
  void OnInfo(const absl::Status& status,
              const generator::v1::GetModelInfoResponse& info);

  const std::unique_ptr<generator::v1::GeneratorService::Stub> stub_;
  // Shared with the streams, which outlive an endpoint.
  const std::shared_ptr<QueueGate> gate_;
  const std::shared_ptr<GeneratorClient> client_;
  mutable absl::Mutex mutex_;
  ModelInfo model_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::gateway
