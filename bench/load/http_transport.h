#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "bench/load/event_loop.h"
#include "bench/load/options.h"
#include "bench/load/transport.h"

namespace sluice::load {

// Calls of the Gateway's POST /chat_stream, read as server-sent events. A
// connection carries one call at a time and is used again after an answer that
// was read to its end. A slow reader has a receive buffer of
// `slow_receive_buffer_bytes`, takes bytes from it at its rate and closes.
// `loop` outlives the transport. Blocks to resolve the name.
// Errors: INVALID_ARGUMENT (the host cannot be resolved).
absl::StatusOr<std::unique_ptr<Transport>> MakeHttpTransport(
    const TargetOptions& target, EventLoop& loop);

}  // namespace sluice::load
