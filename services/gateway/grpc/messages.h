#pragma once

// The public messages of sluice.gateway.v1 to and from the domain.
// Threads: any (pure).

#include "absl/status/statusor.h"
#include "grpcpp/support/byte_buffer.h"
#include "services/gateway/api/event.h"
#include "services/gateway/api/request.h"
#include "services/gateway/pipeline/ports.h"
#include "sluice/gateway/v1/gateway.pb.h"

namespace sluice::gateway {

// Errors: INVALID_ARGUMENT when the bytes are no such message (a string that
// is not UTF-8 included) or params has a field that this build does not know.
absl::StatusOr<api::ChatRequest> ParseChat(const grpc::ByteBuffer& bytes);
absl::StatusOr<api::CompletionRequest> ParseCompletion(
    const grpc::ByteBuffer& bytes);

// `Response` is v1::ChatResponse or v1::CompleteResponse.
template <typename Response>
Response ToResponse(const api::Event& event);

v1::Model ToProto(const ModelInfo& model);

}  // namespace sluice::gateway
