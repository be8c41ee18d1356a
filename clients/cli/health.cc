#include "clients/cli/health.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/base/clock.h"
#include "common/base/error_info.h"
#include "common/base/json_quote.h"
#include "common/base/status_table.h"
#include "common/rpc/channel.h"
#include "common/rpc/status.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace sluice::cli {
namespace {

namespace health = grpc::health::v1;

struct Answer {
  std::string service;
  std::string address;
  bool serving = false;
  std::string state = {};   // SERVING, NOT_SERVING, or the code of an error
  std::string detail = {};  // the sentence of an error
  double milliseconds = 0;
};

Answer Ask(const std::string& service, const std::string& address,
           int64_t timeout_ms) {
  Answer answer{.service = service, .address = address};
  const auto stub = health::Health::NewStub(MakeChannel(address));
  grpc::ClientContext context;
  SetTimeout(context, timeout_ms * kNanosPerMilli);
  health::HealthCheckResponse response;
  const MonotonicClock clock;
  const Nanos start = clock.Now();
  const grpc::Status status =
      stub->Check(&context, health::HealthCheckRequest(), &response);
  answer.milliseconds = ToSeconds(clock.Now() - start) * 1e3;
  if (status.ok()) {
    answer.serving = response.status() == health::HealthCheckResponse::SERVING;
    answer.state =
        health::HealthCheckResponse::ServingStatus_Name(response.status());
  } else {
    const absl::Status error = FromGrpcStatus(status);
    answer.state = std::string(CodeName(error.code()));
    answer.detail = SafeForTerminal(std::string(error.message()));
  }
  return answer;
}

std::string TableRow(const Answer& answer, bool coloured) {
  const std::string state = absl::StrFormat("%-12s", answer.state);
  const char* colour = answer.serving ? "\x1b[32m" : "\x1b[31m";
  return absl::StrFormat(
      "%-10s %-22s %s %8.1f ms  %s\n", answer.service, answer.address,
      coloured ? absl::StrCat(colour, state, "\x1b[0m") : state,
      answer.milliseconds, answer.detail);
}

std::string JsonMember(const Answer& answer) {
  return absl::StrCat(
      JsonQuote(answer.service), ":{\"address\":", JsonQuote(answer.address),
      ",\"state\":", JsonQuote(answer.state),
      ",\"detail\":", JsonQuote(answer.detail),
      ",\"milliseconds\":", absl::StrFormat("%.3f", answer.milliseconds), "}");
}

}  // namespace

absl::Status CheckHealth(const HealthOptions& options, Output& output) {
  const std::vector<std::pair<std::string, std::string>> asked = {
      {"gateway", options.gateway},
      {"tokenizer", options.tokenizer},
      {"generator", options.generator}};
  std::vector<std::string> json;
  std::vector<std::string> failed;
  bool any = false;
  for (const auto& [service, address] : asked) {
    if (address.empty()) continue;
    any = true;
    const Answer answer = Ask(service, address, options.timeout_ms);
    if (!answer.serving) failed.push_back(service);
    if (options.json) {
      json.push_back(JsonMember(answer));
    } else {
      output.out << TableRow(answer, output.terminals.out) << std::flush;
    }
  }
  if (!any) return FieldError("health", "no service to ask");
  if (options.json) output.out << "{" << absl::StrJoin(json, ",") << "}\n";
  if (failed.empty()) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat(absl::StrJoin(failed, ", "), ": not serving"));
}

}  // namespace sluice::cli
