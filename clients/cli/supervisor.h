#pragma once

// Runs child processes as one: all live or none does. Children get their own
// process group, a log file, and SIGTERM from the kernel should we be killed.

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice::cli {

struct ChildSpec {
  std::string name;                      // for people
  std::vector<std::string> argv;         // argv[0] is the path of the binary
  std::vector<std::string> environment;  // additional NAME=VALUE
  std::string log_path;                  // stdout and stderr; empty: ours
};

// What ended a wait.
struct SupervisorEvent {
  enum class Kind { kSignal, kChildExit, kFileChange, kWake, kTimeout };
  Kind kind = Kind::kTimeout;
  std::string child;     // kChildExit: its name
  int exit_code = 0;     // kChildExit: exit status, 128 + signal when killed
  std::string log_path;  // kChildExit
};

// Threads: one; Wake may be called from any.
class Supervisor {
 public:
  // Blocks SIGINT, SIGTERM and SIGCHLD for the whole process: REQUIRES that no
  // other thread runs yet. `watched_directory` must exist.
  static absl::StatusOr<Supervisor> Create(
      const std::string& watched_directory);
  Supervisor(Supervisor&&) noexcept;
  Supervisor& operator=(Supervisor&&) = delete;
  // Stops what still runs, without grace.
  ~Supervisor();

  absl::Status Start(const ChildSpec& spec);

  // Waits for the next event: a signal, a child that ended, a change in the
  // watched directory, a Wake.
  SupervisorEvent Wait(std::optional<std::chrono::milliseconds> timeout);
  void Wake();

  // SIGTERM to all in reverse order of their start, SIGKILL after `grace`.
  void StopAll(std::chrono::milliseconds grace);

 private:
  struct Child {
    ChildSpec spec;
    pid_t pid = -1;
  };
  Supervisor() = default;
  std::optional<SupervisorEvent> Reap();

  std::vector<Child> children_;
  int signal_fd_ = -1;
  int inotify_fd_ = -1;
  int wake_fd_ = -1;
};

// The last `lines` lines of a file; empty when it cannot be read.
std::string LastLines(const std::string& path, int lines);

}  // namespace sluice::cli
