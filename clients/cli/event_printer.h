#pragma once

// Shows the events of one Chat or Complete stream as they come.

#include <memory>
#include <string>

#include "clients/cli/output.h"
#include "common/base/clock.h"
#include "google/protobuf/message.h"
#include "sluice/gateway/v1/gateway.pb.h"

namespace sluice::cli {

// Threads: one.
class EventPrinter {
 public:
  virtual ~EventPrinter() = default;

  // The same events in either response; `message` is the whole one.
  struct Event {
    const google::protobuf::Message& message;
    const gateway::v1::Queued* queued = nullptr;
    const gateway::v1::Started* started = nullptr;
    const gateway::v1::Progress* progress = nullptr;
    const gateway::v1::Delta* delta = nullptr;
    const gateway::v1::Finished* finished = nullptr;
  };
  virtual void Show(const Event& event) = 0;
  // The stream is over, well or not: leaves the terminal as it was.
  virtual void End() = 0;
};

// The text on standard output; when standard error is a terminal, where a
// waiting request stands and, at the end, a line of counts and times.
// `clock` is lent.
std::unique_ptr<EventPrinter> MakeTextPrinter(Output& output,
                                              const Clock& clock);

// Each event as one line of JSON on standard output.
std::unique_ptr<EventPrinter> MakeJsonPrinter(Output& output);

}  // namespace sluice::cli
