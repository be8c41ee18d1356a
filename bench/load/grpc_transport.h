#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "bench/load/event_loop.h"
#include "bench/load/options.h"
#include "bench/load/transport.h"

namespace sluice::load {

// Calls over gRPC: the Gateway's Chat or Complete, or the Generator's
// Generate, as `target.face` and `target.chat` say. A slow reader has a
// connection of its own whose flow-control window is small and takes the next
// message only after the time that its rate gives the last one.
// `loop` outlives the transport.
std::unique_ptr<Transport> MakeGrpcTransport(const TargetOptions& target,
                                             EventLoop& loop);

// Rows of the model's logits, asked of the Generator at `target`.
// Errors: those of the call, within 10 s.
absl::StatusOr<int32_t> AskVocabularySize(const std::string& target);

}  // namespace sluice::load
