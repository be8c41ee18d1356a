// Only in ThreadSanitizer builds. A test holds both ends of its connections,
// and the sanitizer does not know that what one end receives the other sent
// before: a handler would race with what its caller did before the call.

#include <netinet/in.h>
#include <sanitizer/tsan_interface.h>
#include <sys/socket.h>

#include <cstdint>

#include "common/base/tsan_interpose.h"

extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);

// From the linker: where the program's own code lies.
extern const char __executable_start[];
extern const char etext[];
}

namespace sluice::tsan {
namespace {

// What stands for each direction of each connection. Two that share a place
// by chance look ordered when they are not, which can only hide a race.
char directions[1 << 16];

uint32_t PortOf(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    return reinterpret_cast<const sockaddr_in&>(address).sin_port;
  }
  if (address.ss_family == AF_INET6) {
    return reinterpret_cast<const sockaddr_in6&>(address).sin6_port;
  }
  return 0;
}

struct Ports {
  uint32_t own = 0;
  uint32_t peer = 0;
  bool known = false;
};

Ports PortsOf(int socket) {
  sockaddr_storage own = {};
  sockaddr_storage peer = {};
  socklen_t own_bytes = sizeof(own);
  socklen_t peer_bytes = sizeof(peer);
  auto* own_address = reinterpret_cast<sockaddr*>(&own);
  auto* peer_address = reinterpret_cast<sockaddr*>(&peer);
  if (getsockname(socket, own_address, &own_bytes) != 0) return {};
  if (getpeername(socket, peer_address, &peer_bytes) != 0) return {};
  if (PortOf(own) == 0) return {};
  return {PortOf(own), PortOf(peer), true};
}

void* Direction(uint32_t from, uint32_t to) {
  return &directions[(from * 31 + to) % sizeof(directions)];
}

void BeforeSend(int socket) {
  const Ports ports = PortsOf(socket);
  if (ports.known) __tsan_release(Direction(ports.own, ports.peer));
}

void AfterReceive(int socket) {
  const Ports ports = PortsOf(socket);
  if (ports.known) __tsan_acquire(Direction(ports.peer, ports.own));
}

// Ignores what the sanitizer checks for a library's call: it no longer sees
// that an uninstrumented library is the caller.
class LibraryCall {
 public:
  explicit LibraryCall(const void* caller)
      : ignored_(caller < __executable_start || caller >= etext) {
    if (!ignored_) return;
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  ~LibraryCall() {
    if (!ignored_) return;
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }

 private:
  const bool ignored_;
};

}  // namespace

SLUICE_INTERPOSE(ssize_t, SendMessage, "sendmsg",
                 (int socket, const msghdr* message, int flags)) {
  BeforeSend(socket);
  LibraryCall call(__builtin_return_address(0));
  return RealSendMessage()(socket, message, flags);
}

SLUICE_INTERPOSE(ssize_t, Send, "send",
                 (int socket, const void* bytes, size_t size, int flags)) {
  BeforeSend(socket);
  LibraryCall call(__builtin_return_address(0));
  return RealSend()(socket, bytes, size, flags);
}

SLUICE_INTERPOSE(ssize_t, ReceiveMessage, "recvmsg",
                 (int socket, msghdr* message, int flags)) {
  LibraryCall call(__builtin_return_address(0));
  const ssize_t received = RealReceiveMessage()(socket, message, flags);
  if (received >= 0) AfterReceive(socket);
  return received;
}

SLUICE_INTERPOSE(ssize_t, Receive, "recv",
                 (int socket, void* bytes, size_t size, int flags)) {
  LibraryCall call(__builtin_return_address(0));
  const ssize_t received = RealReceive()(socket, bytes, size, flags);
  if (received >= 0) AfterReceive(socket);
  return received;
}

}  // namespace sluice::tsan
