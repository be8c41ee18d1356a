#include "common/base/flag_reference.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/flags/flag.h"

// Stands in for a binary's config.cc, the only file whose flags are listed.
#line 12 "service/config.cc"
ABSL_FLAG(std::string, fake_listen, "127.0.0.1:0", "Where | to listen.");
ABSL_FLAG(bool, fake_enabled, true, "Whether it runs.");
#line 15 "common/base/flag_reference_test.cc"
ABSL_FLAG(int, fake_elsewhere, 3, "Defined in another file.");

namespace sluice {
namespace {

TEST(FlagReference, ListsTheFlagsOfConfigFilesSortedByName) {
  EXPECT_EQ(FlagReferenceMarkdown("sluice-fake"),
            "## sluice-fake\n\n"
            "| Flag | Type | Default | Meaning |\n|---|---|---|---|\n"
            "| `--fake_enabled` | bool | `true` | Whether it runs. |\n"
            "| `--fake_listen` | string | `127.0.0.1:0` | Where \\| to listen. "
            "|\n");
}

}  // namespace
}  // namespace sluice
