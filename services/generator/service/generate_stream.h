#pragma once

// One Generate call: moves messages from the outbox of its request to the
// client, one write at a time.

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/support/server_callback.h"
#include "services/generator/engine/outbox.h"
#include "services/generator/service/write_pump.h"
#include "sluice/generator/v1/generator.pb.h"

namespace sluice::generator {

// Owned by gRPC until OnDone, and meanwhile by the write pump when it is in
// its queue. Threads: any.
class GenerateStream final
    : public grpc::ServerWriteReactor<v1::GenerateResponse>,
      public WritePump::Stream,
      public std::enable_shared_from_this<GenerateStream> {
 public:
  // Keeps itself alive until OnDone.
  static std::shared_ptr<GenerateStream> Create(std::string fingerprint);

  // Either: the messages come out of this outbox,
  void Attach(std::shared_ptr<Outbox> outbox);
  // or the call ends with an error. One of the two, once.
  void Refuse(const absl::Status& status);

  void Advance() override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  explicit GenerateStream(std::string fingerprint)
      : fingerprint_(std::move(fingerprint)) {}
  void GiveUp();

  const std::string fingerprint_;
  v1::GenerateResponse response_;  // of the write on its way

  absl::Mutex mutex_;
  std::shared_ptr<Outbox> outbox_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool gone_ ABSL_GUARDED_BY(mutex_) = false;  // the client is
  std::shared_ptr<GenerateStream> self_;       // until OnDone
};

}  // namespace sluice::generator
