#pragma once

#include <string>

#include "bench/load/load_run.h"
#include "bench/load/options.h"

namespace sluice::load {

// The table for people. Ends with a line end.
std::string ReportTable(const LoadOptions& options, LoadRun& run);

// The same and more as one JSON object, durations in seconds: options, counts,
// percentiles, tenants, and a timeline by the second in which requests were
// due. docs/load.md names the fields.
std::string ReportJson(const LoadOptions& options, LoadRun& run);

// "12.3s 4210 sent, 12 in flight, ..." for a terminal, without a line end.
std::string ProgressLine(const Standing& standing);

}  // namespace sluice::load
