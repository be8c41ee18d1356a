#pragma once

// sluice.generator.v1.GeneratorService over an engine.

#include <memory>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "services/generator/engine/engine.h"
#include "services/generator/engine/generator_metrics.h"
#include "services/generator/engine/load_board.h"
#include "services/generator/service/served_model.h"
#include "services/generator/service/write_pump.h"
#include "sluice/generator/v1/generator.grpc.pb.h"

namespace sluice::generator {

// All lent to the service for its life. The pump must outlive the engine.
struct ServiceDependencies {
  Engine& engine;
  WritePump& pump;
  const LoadBoard& board;
  const Clock& clock;
  RandomSource& random;  // seeds that nobody named
  GeneratorMetrics& metrics;
};

// Threads: any.
class GeneratorService final : public v1::GeneratorService::CallbackService {
 public:
  GeneratorService(ServedModel model, const ServiceDependencies& dependencies)
      : model_(std::move(model)), dependencies_(dependencies) {}

  grpc::ServerWriteReactor<v1::GenerateResponse>* Generate(
      grpc::CallbackServerContext* context,
      const v1::GenerateRequest* request) override;
  grpc::ServerUnaryReactor* GetModelInfo(
      grpc::CallbackServerContext* context,
      const v1::GetModelInfoRequest* request,
      v1::GetModelInfoResponse* response) override;
  grpc::ServerUnaryReactor* GetLoad(grpc::CallbackServerContext* context,
                                    const v1::GetLoadRequest* request,
                                    v1::GetLoadResponse* response) override;

 private:
  absl::StatusOr<Request> ParseRequest(
      const grpc::CallbackServerContext& context,
      const v1::GenerateRequest& message);
  Nanos DeadlineOf(const grpc::CallbackServerContext& context) const;

  const ServedModel model_;
  const ServiceDependencies dependencies_;
};

}  // namespace sluice::generator
