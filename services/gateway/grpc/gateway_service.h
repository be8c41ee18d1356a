#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "grpcpp/impl/service_type.h"
#include "services/gateway/pipeline/pipeline.h"

namespace sluice::gateway {

inline constexpr std::string_view kGatewayServiceName =
    "sluice.gateway.v1.GatewayService";

// sluice.gateway.v1.GatewayService over the pipeline, which must outlive it.
// A stream writes one message at a time and asks the pipeline for the next
// when gRPC has taken it; a cancel of the RPC cancels the request.
// `tenant_header` is metadata that names the tenant, see
// access/tenant_header.h; empty: none. Threads: any.
std::unique_ptr<grpc::Service> MakeGatewayService(
    Pipeline& pipeline, std::string tenant_header = {});

}  // namespace sluice::gateway
