#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/base/clock.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"

namespace sluice {

// There is no service config: Debian's gRPC fires its timeouts 1-2 s early, and
// retries belong to the Gateway alone. Set a deadline on each call instead.
struct ChannelOptions {
  int32_t max_message_bytes = 4 << 20;
  int32_t max_metadata_bytes = 8 << 10;
  int32_t keepalive_ms = 10'000;
  int32_t keepalive_timeout_ms = 5'000;
  int32_t min_backoff_ms = 100;  // first reconnect
  int32_t max_backoff_ms = 2'000;
  // What a peer may send on a stream before somebody reads: gRPC holds it here,
  // so it is also what a slow reader can cost. Fixed, gRPC's guess of the
  // bandwidth would make it grow; several streams of a connection do not share
  // it.
  int32_t stream_window_bytes = 64 << 10;
  // A TCP connection of its own instead of one shared with every channel to
  // the same target in this process.
  bool own_connection = false;
};

// A plaintext channel to "host:port". Connects on first use. Threads: any.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& target,
                                           const ChannelOptions& options = {});

// The call must end within `timeout` from now.
void SetTimeout(grpc::ClientContext& context, Nanos timeout);

}  // namespace sluice
