#include "clients/cli/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::cli {
namespace {

absl::Status Errno(absl::string_view what) {
  return absl::ErrnoToStatus(errno, what);
}

// Between fork and exec: only async-signal-safe calls.
[[noreturn]] void Exec(char* const argv[], char* const envp[], int log_fd) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (log_fd >= 0) {
    dup2(log_fd, STDOUT_FILENO);
    dup2(log_fd, STDERR_FILENO);
  }
  execve(argv[0], argv, envp);
  constexpr char kMessage[] = "exec failed\n";
  [[maybe_unused]] ssize_t n =
      write(STDERR_FILENO, kMessage, sizeof(kMessage) - 1);
  _exit(127);
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& s : strings) pointers.push_back(s.data());
  pointers.push_back(nullptr);
  return pointers;
}

SupervisorEvent EventOf(SupervisorEvent::Kind kind) {
  SupervisorEvent event;
  event.kind = kind;
  return event;
}

void Drain(int fd) {
  std::array<char, 4096> buffer;
  while (read(fd, buffer.data(), buffer.size()) > 0) {
  }
}

}  // namespace

absl::StatusOr<Supervisor> Supervisor::Create(
    const std::string& watched_directory) {
  sigset_t signals;
  sigemptyset(&signals);
  for (int s : {SIGINT, SIGTERM, SIGCHLD}) sigaddset(&signals, s);
  if (pthread_sigmask(SIG_BLOCK, &signals, nullptr) != 0) {
    return Errno("signals");
  }
  Supervisor supervisor;
  supervisor.signal_fd_ = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  supervisor.inotify_fd_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  supervisor.wake_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (supervisor.signal_fd_ < 0 || supervisor.inotify_fd_ < 0 ||
      supervisor.wake_fd_ < 0) {
    return Errno("supervisor");
  }
  if (inotify_add_watch(supervisor.inotify_fd_, watched_directory.c_str(),
                        IN_CLOSE_WRITE | IN_MOVED_TO) < 0) {
    return Errno(watched_directory);
  }
  return supervisor;
}

Supervisor::Supervisor(Supervisor&& other) noexcept
    : children_(std::exchange(other.children_, {})),
      signal_fd_(std::exchange(other.signal_fd_, -1)),
      inotify_fd_(std::exchange(other.inotify_fd_, -1)),
      wake_fd_(std::exchange(other.wake_fd_, -1)) {}

Supervisor::~Supervisor() {
  StopAll(std::chrono::milliseconds(0));
  for (int fd : {signal_fd_, inotify_fd_, wake_fd_}) {
    if (fd >= 0) close(fd);
  }
}

absl::Status Supervisor::Start(const ChildSpec& spec) {
  int log_fd = -1;
  if (!spec.log_path.empty()) {
    log_fd = open(spec.log_path.c_str(),
                  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0) return Errno(spec.log_path);
  }
  if (access(spec.argv[0].c_str(), X_OK) != 0) {
    return absl::NotFoundError(
        absl::StrCat(spec.name, ": no binary at ", spec.argv[0]));
  }
  std::vector<std::string> argv_strings = spec.argv;
  std::vector<std::string> environment_strings = spec.environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    environment_strings.emplace_back(*entry);
  }
  const std::vector<char*> argv = Pointers(argv_strings);
  const std::vector<char*> envp = Pointers(environment_strings);
  const pid_t pid = fork();
  if (pid == 0) Exec(argv.data(), envp.data(), log_fd);
  const int fork_errno = errno;
  if (log_fd >= 0) close(log_fd);
  if (pid < 0) return absl::ErrnoToStatus(fork_errno, spec.name);
  children_.push_back({spec, pid});
  return absl::OkStatus();
}

std::optional<SupervisorEvent> Supervisor::Reap() {
  for (size_t i = 0; i < children_.size(); ++i) {
    int status = 0;
    if (waitpid(children_[i].pid, &status, WNOHANG) <= 0) continue;
    SupervisorEvent event;
    event.kind = SupervisorEvent::Kind::kChildExit;
    event.child = children_[i].spec.name;
    event.log_path = children_[i].spec.log_path;
    event.exit_code =
        WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    children_.erase(children_.begin() + i);
    return event;
  }
  return std::nullopt;
}

SupervisorEvent Supervisor::Wait(
    std::optional<std::chrono::milliseconds> timeout) {
  using Kind = SupervisorEvent::Kind;
  const auto deadline = std::chrono::steady_clock::now() +
                        timeout.value_or(std::chrono::hours(24 * 365));
  while (true) {
    if (std::optional<SupervisorEvent> event = Reap()) return *event;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return {};
    std::array<pollfd, 3> fds = {{{signal_fd_, POLLIN, 0},
                                  {inotify_fd_, POLLIN, 0},
                                  {wake_fd_, POLLIN, 0}}};
    const int wait_ms = static_cast<int>(std::min<int64_t>(
        left.count(), std::chrono::milliseconds(3'600'000).count()));
    poll(fds.data(), fds.size(), wait_ms);
    if (fds[0].revents & POLLIN) {
      signalfd_siginfo info;
      while (read(signal_fd_, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo != SIGCHLD) return EventOf(Kind::kSignal);
      }
      continue;  // a child ended: reaped at the top
    }
    if (fds[1].revents & POLLIN) {
      Drain(inotify_fd_);
      return EventOf(Kind::kFileChange);
    }
    if (fds[2].revents & POLLIN) {
      Drain(wake_fd_);
      return EventOf(Kind::kWake);
    }
  }
}

void Supervisor::Wake() {
  const uint64_t one = 1;
  [[maybe_unused]] ssize_t n = write(wake_fd_, &one, sizeof(one));
}

void Supervisor::StopAll(std::chrono::milliseconds grace) {
  for (auto child = children_.rbegin(); child != children_.rend(); ++child) {
    kill(-child->pid, SIGTERM);
  }
  const auto deadline = std::chrono::steady_clock::now() + grace;
  while (!children_.empty()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) break;
    Wait(left);
  }
  for (const Child& child : children_) {
    kill(-child.pid, SIGKILL);
    waitpid(child.pid, nullptr, 0);
  }
  children_.clear();
}

std::string LastLines(const std::string& path, int lines) {
  std::ifstream file(path);
  std::deque<std::string> last;
  for (std::string line; std::getline(file, line);) {
    last.push_back(line);
    if (static_cast<int>(last.size()) > lines) last.pop_front();
  }
  return absl::StrJoin(last, "\n");
}

}  // namespace sluice::cli
