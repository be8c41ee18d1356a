#include "services/generator/engine/admission_gate.h"

#include <string>
#include <utility>

#include "common/base/error_info.h"
#include "gtest/gtest.h"

namespace sluice::generator {
namespace {

Request Make(const std::string& tenant,
             Priority priority = Priority::kInteractive) {
  RequestFields fields;
  fields.request_id = "r";
  fields.prompt_ids = {1, 2};
  fields.tenant = tenant;
  fields.priority = priority;
  RequestLimits limits;
  limits.context_length = 20;
  limits.vocabulary_size = 5;
  return *Request::Create(std::move(fields), limits);
}

TEST(AdmissionGateTest, LetsAllInUntilItIsToldOfTheRoom) {
  AdmissionGate gate;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(gate.Enter(Make("a")).ok());
}

TEST(AdmissionGateTest, ThoseOnTheirWayTakeTheRoomOfTheQueue) {
  AdmissionGate gate;
  QueueRoom room;
  room.requests = 2;
  room.retry_delay = 5 * kNanosPerSecond;
  gate.Publish(room);
  EXPECT_TRUE(gate.Enter(Make("a")).ok());
  EXPECT_TRUE(gate.Enter(Make("b")).ok());
  const absl::Status refused = gate.Enter(Make("c"));
  EXPECT_EQ(ReasonOf(refused), std::string(kReasonQueueFull));
  EXPECT_EQ(RetryDelayOf(refused), 5 * kNanosPerSecond);
  // The engine has it, and says so in its own time.
  gate.Leave(Make("a"));
  EXPECT_TRUE(gate.Enter(Make("c")).ok());
  room.requests = 1;
  gate.Publish(room);
  EXPECT_FALSE(gate.Enter(Make("c")).ok());
}

TEST(AdmissionGateTest, TenantsAndClassesHaveRoomOfTheirOwn) {
  AdmissionGate gate;
  QueueRoom room;
  room.tenants[{"loud", static_cast<int32_t>(Priority::kInteractive)}] = 1;
  room.others[static_cast<int32_t>(Priority::kInteractive)] = 2;
  room.others[static_cast<int32_t>(Priority::kBatch)] = 0;
  gate.Publish(room);
  EXPECT_TRUE(gate.Enter(Make("loud")).ok());
  EXPECT_EQ(ReasonOf(gate.Enter(Make("loud"))),
            std::string(kReasonDeadlineUnmeetable));
  EXPECT_TRUE(gate.Enter(Make("loud", Priority::kSystem)).ok());
  EXPECT_TRUE(gate.Enter(Make("a")).ok());
  EXPECT_TRUE(gate.Enter(Make("a")).ok());
  EXPECT_FALSE(gate.Enter(Make("a")).ok());
  EXPECT_TRUE(gate.Enter(Make("b")).ok());
  EXPECT_FALSE(gate.Enter(Make("b", Priority::kBatch)).ok());
  // Who was refused holds no room.
  gate.Leave(Make("loud"));
  EXPECT_TRUE(gate.Enter(Make("loud")).ok());
}

}  // namespace
}  // namespace sluice::generator
