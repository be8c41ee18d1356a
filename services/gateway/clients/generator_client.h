#pragma once

#include <memory>

#include "common/base/clock.h"
#include "grpcpp/channel.h"
#include "services/gateway/clients/outstanding.h"
#include "services/gateway/clients/queue_gate.h"
#include "services/gateway/pipeline/ports.h"
#include "sluice/generator/v1/generator.grpc.pb.h"

namespace sluice::gateway {

// One Generator over gRPC, whose gate hears how requests fare. A stream reads
// one message for each Read, so gRPC's flow control carries a slow client's
// pace to the Generator. Threads: any. Streams outlive it.
class GeneratorClient final : public GeneratorPort {
 public:
  // `clock` must outlive the client.
  GeneratorClient(std::shared_ptr<grpc::Channel> channel, const Clock& clock,
                  std::shared_ptr<Outstanding> outstanding,
                  std::shared_ptr<QueueGate> gate);

  std::shared_ptr<GeneratorStream> Generate(Attempt attempt) override;

 private:
  const std::shared_ptr<generator::v1::GeneratorService::Stub> stub_;
  const Clock& clock_;
  const std::shared_ptr<Outstanding> outstanding_;
  const std::shared_ptr<QueueGate> gate_;
};

}  // namespace sluice::gateway
