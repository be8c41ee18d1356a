#include "services/generator/engine/engine_trace.h"

#include "common/base/file.h"
#include "common/testing/test_files.h"
#include "gtest/gtest.h"

namespace sluice::generator {
namespace {

TEST(EngineTraceTest, EachLineIsInTheFileWhenTheCallReturns) {
  const TempDir directory;
  const std::string path = directory.path() + "/trace";
  const auto trace = EngineTrace::Open(path);
  ASSERT_TRUE(trace.ok()) << trace.status();
  (*trace)->AddStep(
      {.began = 5, .ended = 9, .decode_rows = 2, .prefill_rows = 16});
  const std::string step =
      "{\"kind\":\"step\",\"began\":5,\"ended\":9,\"decode_rows\":2,"
      "\"prefill_rows\":16}\n";
  EXPECT_EQ(*ReadFile(path, 4096), step);
  (*trace)->AddEnd({.request_id = "a\"b",
                    .code = absl::StatusCode::kCancelled,
                    .started = true,
                    .decoding = false,
                    .at = 12,
                    .active_blocks = 3});
  EXPECT_EQ(*ReadFile(path, 4096),
            step +
                "{\"kind\":\"end\",\"request_id\":\"a\\\"b\",\"code\":"
                "\"CANCELLED\",\"phase\":\"prefill\",\"at\":12,\"active_"
                "blocks\":3}\n");
}

TEST(EngineTraceTest, AFileThatCannotBeWrittenIsRefused) {
  const TempDir directory;
  const auto trace = EngineTrace::Open(directory.path() + "/none/trace");
  EXPECT_EQ(trace.status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sluice::generator
