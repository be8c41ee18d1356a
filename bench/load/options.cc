#include "bench/load/options.h"

#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"

namespace sluice::load {
namespace {

absl::Status CheckRange(std::string_view flag, double value, double low,
                        double high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return FieldError(flag, "out of range", absl::StrCat(value),
                    absl::StrCat(low, " to ", high));
}

absl::Status CheckTarget(const TargetOptions& target) {
  const std::string& face = target.face;
  if (face != "grpc" && face != "http" && face != "generator") {
    return FieldError("face", "unknown", face, "grpc, http or generator");
  }
  if (face == "http" && target.timeout_ms != 0) {
    return FieldError("timeout_ms", "HTTP carries no deadlines",
                      absl::StrCat(target.timeout_ms), "0");
  }
  if (face != "grpc" && !target.chat) {
    return FieldError("complete", "only --face=grpc has both", face, "grpc");
  }
  const size_t colon = target.server.rfind(':');
  int32_t port = 0;
  if (colon == std::string::npos || colon == 0 ||
      !absl::SimpleAtoi(target.server.substr(colon + 1), &port) || port < 1 ||
      port > 65535) {
    return FieldError("server", "is no address", target.server, "host:port");
  }
  RETURN_IF_ERROR(CheckRange("connections", target.connections, 1, 1000));
  RETURN_IF_ERROR(CheckRange("timeout_ms", target.timeout_ms, 0, 86'400'000));
  RETURN_IF_ERROR(CheckRange("slow_bytes_per_second",
                             target.slow_bytes_per_second, 1, 1 << 30));
  return CheckRange("slow_receive_buffer_bytes",
                    target.slow_receive_buffer_bytes, 1024, 1 << 24);
}

absl::Status CheckWorkload(const WorkloadOptions& workload) {
  RETURN_IF_ERROR(
      CheckRange("prefix_tokens", workload.prefix_tokens, 0, 1 << 20));
  RETURN_IF_ERROR(CheckRange("prefixes", workload.prefixes, 1, 1'000'000));
  RETURN_IF_ERROR(CheckRange("prefix_share", workload.prefix_share, 0, 1));
  RETURN_IF_ERROR(CheckRange("cancel_share", workload.cancel_share, 0, 1));
  RETURN_IF_ERROR(
      CheckRange("cancel_within_ms", workload.cancel_within_ms, 0, 86'400'000));
  RETURN_IF_ERROR(CheckRange("slow_share", workload.slow_share, 0, 1));
  RETURN_IF_ERROR(CheckRange("questions", workload.questions, 0, 1'000'000));
  return CheckRange("temperature", workload.temperature, 0, 100);
}

absl::Status CheckPace(const PaceOptions& pace) {
  RETURN_IF_ERROR(CheckRange("clients", pace.clients, 1, 100'000));
  RETURN_IF_ERROR(
      CheckRange("requests", static_cast<double>(pace.requests), 0, 1e8));
  RETURN_IF_ERROR(CheckRange("duration_s", pace.duration_s, 0, 86'400));
  RETURN_IF_ERROR(CheckRange("warmup_s", pace.warmup_s, 0, 86'400));
  RETURN_IF_ERROR(CheckRange("drain_s", pace.drain_s, 0, 86'400));
  RETURN_IF_ERROR(CheckRange("max_in_flight", pace.max_in_flight, 1, 100'000));
  if (pace.phases.empty() && pace.requests == 0 && pace.duration_s == 0) {
    return FieldError("requests", "nothing would end the run", "0",
                      "1 or more, or --duration_s above 0");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckOptions(const LoadOptions& options) {
  RETURN_IF_ERROR(CheckTarget(options.target));
  RETURN_IF_ERROR(CheckWorkload(options.workload));
  RETURN_IF_ERROR(CheckPace(options.pace));
  RETURN_IF_ERROR(
      CheckRange("ttft_bound_ms", options.ttft_bound_ms, 1, 86'400'000));
  if (options.target.face != "generator" && !options.workload.tenants.empty()) {
    return FieldError("tenants", "only the Generator is told the tenant",
                      options.target.face, "--face=generator");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Tenant>> ParseTenants(std::string_view text) {
  constexpr size_t kMaxTenants = 1000;
  constexpr size_t kMaxNameBytes = 128;
  std::vector<Tenant> tenants;
  if (text.empty()) return tenants;
  const std::vector<std::string> parts = absl::StrSplit(std::string(text), ',');
  for (const std::string& part : parts) {
    const size_t equals = part.rfind('=');
    Tenant tenant{.name = part.substr(0, equals)};
    const bool weighed =
        equals == std::string::npos ||
        (absl::SimpleAtod(part.substr(equals + 1), &tenant.weight) &&
         tenant.weight > 0 && tenant.weight <= 1e6);
    if (tenant.name.empty() || tenant.name.size() > kMaxNameBytes ||
        !IsValidUtf8(tenant.name) || !weighed) {
      return FieldError("tenants", "is no tenant", part,
                        "NAME or NAME=WEIGHT, a weight above 0");
    }
    tenants.push_back(tenant);
  }
  if (tenants.size() > kMaxTenants) {
    return FieldError("tenants", "too many", absl::StrCat(tenants.size()),
                      "1000");
  }
  return tenants;
}

}  // namespace sluice::load
