#include "clients/cli/up.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "clients/cli/health_wait.h"
#include "clients/cli/supervisor.h"
#include "common/base/model_directory.h"
#include "common/base/status_macros.h"
#include "nlohmann/json.hpp"

namespace sluice::cli {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr int kPortsToTry = 100;
constexpr int kLogLines = 20;
// Where the services listen when they are started one by one.
constexpr int kTokenizerPort = 50051;
constexpr int kGeneratorPort = 50052;
constexpr int kGatewayOpsPort = 9050;
constexpr int kTokenizerOpsPort = 9051;
constexpr int kGeneratorOpsPort = 9052;

// Where a service listens, read from its ports file.
struct Ports {
  int grpc = 0;
  int http = 0;
  int ops = 0;
};

int Refuse(const absl::Status& status) {
  std::cerr << "sluice up: " << status.message() << std::endl;
  return 1;
}

bool IsFree(uint32_t address, int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in name = {};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<uint16_t>(port));
  name.sin_addr.s_addr = address;
  const bool free =
      bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof(name)) == 0 &&
      listen(fd, 1) == 0;
  close(fd);
  return free;
}

// `listen` with its port moved up to the first free one. Names that are not
// IPv4 literals pass unchanged: the service itself will judge them. Says so
// when a person asked for that very port.
std::string NextFree(const std::string& listen, bool announce) {
  const size_t colon = listen.rfind(':');
  int port = 0;
  in_addr address;
  if (colon == std::string::npos ||
      !absl::SimpleAtoi(listen.substr(colon + 1), &port) || port == 0 ||
      inet_pton(AF_INET, listen.substr(0, colon).c_str(), &address) != 1) {
    return listen;
  }
  for (int p = port; p < port + kPortsToTry && p < 65536; ++p) {
    if (IsFree(address.s_addr, p)) {
      if (p != port && announce) {
        std::cerr << "port " << port << " is taken, using " << p << "\n";
      }
      return absl::StrCat(listen.substr(0, colon), ":", p);
    }
  }
  return listen;
}

std::optional<Ports> ReadPorts(const fs::path& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  const auto json = nlohmann::json::parse(file, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  return Ports{json.value("grpc", 0), json.value("http", 0),
               json.value("ops", 0)};
}

// One run of `sluice up`.
class Launch {
 public:
  Launch(const UpOptions& options, Supervisor supervisor, fs::path directory)
      : options_(options),
        supervisor_(std::move(supervisor)),
        directory_(std::move(directory)) {}

  int Run();

 private:
  absl::Status StartService(const std::string& name,
                            std::vector<std::string> flags,
                            const std::string& more_flags);
  absl::StatusOr<Ports> AwaitPorts(const std::string& name);
  absl::Status AwaitHealthy();
  absl::Status StartAll();
  absl::Status Unexpected(const SupervisorEvent& event) const;
  void PrintBanner() const;
  absl::Status StartCommand();
  int AwaitEnd();
  std::string Local(int port) const { return absl::StrCat("127.0.0.1:", port); }
  milliseconds Left() const;

  const UpOptions& options_;
  Supervisor supervisor_;
  fs::path directory_;
  std::string model_;
  Ports tokenizer_, generator_, gateway_;
  bool interrupted_ = false;
  std::chrono::steady_clock::time_point start_ =
      std::chrono::steady_clock::now();
};

milliseconds Launch::Left() const {
  const auto spent = std::chrono::duration_cast<milliseconds>(
      std::chrono::steady_clock::now() - start_);
  return milliseconds(options_.start_timeout_ms) - spent;
}

absl::Status Launch::StartService(const std::string& name,
                                  std::vector<std::string> flags,
                                  const std::string& more_flags) {
  const fs::path self = fs::read_symlink("/proc/self/exe");
  ChildSpec spec;
  spec.name = absl::StrCat("sluice-", name);
  spec.argv = {
      (self.parent_path() / spec.name).string(),
      absl::StrCat("--ports_file=", (directory_ / (name + ".ports")).string()),
      "--ops_listen=127.0.0.1:0"};
  for (std::string& flag : flags) spec.argv.push_back(std::move(flag));
  for (absl::string_view flag :
       absl::StrSplit(more_flags, ' ', absl::SkipWhitespace())) {
    spec.argv.emplace_back(flag);
  }
  spec.log_path = (directory_ / (name + ".log")).string();
  return supervisor_.Start(spec);
}

// An event that ends the start: somebody died or asked us to stop.
absl::Status Launch::Unexpected(const SupervisorEvent& event) const {
  if (event.kind == SupervisorEvent::Kind::kSignal) {
    return absl::CancelledError("interrupted");
  }
  return absl::AbortedError(absl::StrCat(
      event.child, ": ended with status ", event.exit_code,
      "; its last log lines:\n", LastLines(event.log_path, kLogLines)));
}

absl::StatusOr<Ports> Launch::AwaitPorts(const std::string& name) {
  using Kind = SupervisorEvent::Kind;
  const fs::path path = directory_ / (name + ".ports");
  while (true) {
    if (std::optional<Ports> ports = ReadPorts(path)) return *ports;
    const SupervisorEvent event = supervisor_.Wait(Left());
    if (event.kind == Kind::kTimeout) {
      return absl::DeadlineExceededError(
          absl::StrCat("sluice-", name, ": did not listen within ",
                       options_.start_timeout_ms, " ms"));
    }
    if (event.kind == Kind::kSignal || event.kind == Kind::kChildExit) {
      return Unexpected(event);
    }
  }
}

absl::Status Launch::AwaitHealthy() {
  using Kind = SupervisorEvent::Kind;
  HealthWait wait(Local(gateway_.grpc), Left(), [this] { supervisor_.Wake(); });
  while (true) {
    if (wait.done()) return wait.Result();
    const SupervisorEvent event = supervisor_.Wait(std::nullopt);
    if (event.kind == Kind::kSignal || event.kind == Kind::kChildExit) {
      return Unexpected(event);
    }
  }
}

absl::Status Launch::StartAll() {
  std::vector<std::string> common = {absl::StrCat("--model=", model_)};
  if (!options_.model_name.empty()) {
    common.push_back(absl::StrCat("--model_name=", options_.model_name));
  }
  const auto with_ports = [&](int grpc_port, int ops_port) {
    std::vector<std::string> flags = common;
    flags.push_back(
        absl::StrCat("--grpc_listen=", NextFree(Local(grpc_port), false)));
    flags.push_back(
        absl::StrCat("--ops_listen=", NextFree(Local(ops_port), false)));
    return flags;
  };
  RETURN_IF_ERROR(StartService("tokenizer",
                               with_ports(kTokenizerPort, kTokenizerOpsPort),
                               options_.tokenizer_flags));
  RETURN_IF_ERROR(StartService("generator",
                               with_ports(kGeneratorPort, kGeneratorOpsPort),
                               options_.generator_flags));
  ASSIGN_OR_RETURN(tokenizer_, AwaitPorts("tokenizer"));
  ASSIGN_OR_RETURN(generator_, AwaitPorts("generator"));
  RETURN_IF_ERROR(StartService(
      "gateway",
      {absl::StrCat("--tokenizers=", Local(tokenizer_.grpc)),
       absl::StrCat("--generators=", Local(generator_.grpc)),
       absl::StrCat("--http_listen=", NextFree(options_.http_listen, true)),
       absl::StrCat("--grpc_listen=", NextFree(options_.grpc_listen, true)),
       absl::StrCat("--ops_listen=", NextFree(Local(kGatewayOpsPort), false))},
      options_.gateway_flags));
  ASSIGN_OR_RETURN(gateway_, AwaitPorts("gateway"));
  return AwaitHealthy();
}

void Launch::PrintBanner() const {
  const std::string http = absl::StrCat("http://", Local(gateway_.http));
  const auto took = std::chrono::duration_cast<milliseconds>(
      std::chrono::steady_clock::now() - start_);
  std::cout << "Sluice is up after " << took.count() << " ms with " << model_
            << "\n\n  chat page  " << http << "/\n  curl       curl -N " << http
            << "/chat_stream -H 'Content-Type: application/json' -d "
               "'{\"prompt\":\"Hello\"}'\n  grpcurl    grpcurl -plaintext -d "
               "'{\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}' "
            << Local(gateway_.grpc)
            << " sluice.gateway.v1.GatewayService/Chat\n"
            << "  metrics    gateway   http://" << Local(gateway_.ops)
            << "/metrics\n             tokenizer http://"
            << Local(tokenizer_.ops)
            << "/metrics\n             generator http://"
            << Local(generator_.ops) << "/metrics\n  logs       "
            << directory_.string() << "\n\nCtrl-C stops all three."
            << std::endl;
}

absl::Status Launch::StartCommand() {
  const auto metrics = [this](int port) {
    return absl::StrCat("http://", Local(port), "/metrics");
  };
  ChildSpec spec;
  spec.name = "command";
  spec.argv = {"/bin/sh", "-c", options_.exec};
  spec.environment = {
      absl::StrCat("SLUICE_HTTP=http://", Local(gateway_.http)),
      absl::StrCat("SLUICE_GRPC=", Local(gateway_.grpc)),
      absl::StrCat("SLUICE_TOKENIZER=", Local(tokenizer_.grpc)),
      absl::StrCat("SLUICE_GENERATOR=", Local(generator_.grpc)),
      absl::StrCat("SLUICE_GATEWAY_METRICS=", metrics(gateway_.ops)),
      absl::StrCat("SLUICE_TOKENIZER_METRICS=", metrics(tokenizer_.ops)),
      absl::StrCat("SLUICE_GENERATOR_METRICS=", metrics(generator_.ops)),
      absl::StrCat("SLUICE_CLI=", fs::read_symlink("/proc/self/exe").string())};
  return supervisor_.Start(spec);
}

int Launch::AwaitEnd() {
  using Kind = SupervisorEvent::Kind;
  while (true) {
    const SupervisorEvent event = supervisor_.Wait(std::nullopt);
    if (event.kind == Kind::kSignal) {
      std::cerr << "\nstopping" << std::endl;
      return options_.exec.empty() ? 0 : 130;
    }
    if (event.kind != Kind::kChildExit) continue;
    if (event.child == "command") return event.exit_code;
    std::cerr << Unexpected(event).message() << std::endl;
    return 1;
  }
}

int Launch::Run() {
  absl::Status status;
  if (options_.model.empty()) {
    absl::StatusOr<std::string> model = DefaultModelDirectory();
    status = model.status();
    if (model.ok()) model_ = *model;
  } else {
    model_ = fs::absolute(options_.model).string();
  }
  if (status.ok()) status = StartAll();
  if (status.ok() && !options_.exec.empty()) status = StartCommand();
  int exit_code = 1;
  if (status.ok()) {
    if (options_.exec.empty()) PrintBanner();
    exit_code = AwaitEnd();
  } else {
    Refuse(status);
  }
  supervisor_.StopAll(milliseconds(options_.stop_grace_ms));
  return exit_code;
}

absl::StatusOr<fs::path> LogDirectory(const UpOptions& options) {
  std::error_code error;
  if (!options.log_dir.empty()) {
    fs::create_directories(options.log_dir, error);
    if (error) {
      return absl::InvalidArgumentError(
          absl::StrCat("log_dir: ", options.log_dir, ": ", error.message()));
    }
    for (const char* name : {"tokenizer", "generator", "gateway"}) {
      fs::remove(fs::path(options.log_dir) / absl::StrCat(name, ".ports"));
    }
    return fs::absolute(options.log_dir);
  }
  std::string pattern =
      (fs::temp_directory_path(error) / "sluice-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    return absl::ErrnoToStatus(errno, pattern);
  }
  return fs::path(pattern);
}

}  // namespace

int RunUp(const UpOptions& options) {
  const absl::StatusOr<fs::path> directory = LogDirectory(options);
  if (!directory.ok()) return Refuse(directory.status());
  absl::StatusOr<Supervisor> supervisor =
      Supervisor::Create(directory->string());
  if (!supervisor.ok()) return Refuse(supervisor.status());
  const int exit_code =
      Launch(options, *std::move(supervisor), *directory).Run();
  if (options.log_dir.empty() && exit_code == 0) {
    std::error_code ignored;  // logs of a good run are nobody's loss
    fs::remove_all(*directory, ignored);
  }
  return exit_code;
}

}  // namespace sluice::cli
