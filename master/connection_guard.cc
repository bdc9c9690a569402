#include "master/connection_guard.h"

#include <netdb.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/clock.h"
#include "master/frame_guard.h"

namespace tarea {
namespace {

struct Connection {
  // Of the socket: its descriptor's number may have been given to another one since.
  std::atomic<uint64_t> cookie = 0;
  // gRPC reads a connection on one thread at a time.
  FrameGuard guard{0};
  // gRPC keeps an error to itself, and reads again, if it has bytes of just before to deliver.
  bool ended = false;
};

std::array<std::atomic<Connection*>, kMaxGuardedDescriptor + 1>& Connections() {
  // Without an end: gRPC's threads may outlive main().
  static auto* const kConnections =
      new std::array<std::atomic<Connection*>, kMaxGuardedDescriptor + 1>{};
  return *kConnections;
}

absl::Time Now() {
  static auto* const kClock = new MonotonicClock();
  return kClock->Now();
}

// No socket has 0.
uint64_t CookieOf(int fd) {
  uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0) return 0;
  return cookie;
}

Connection* Find(int fd) {
  if (fd < 0 || fd > kMaxGuardedDescriptor) return nullptr;
  Connection* const connection = Connections()[fd].load(std::memory_order_acquire);
  if (connection == nullptr || connection->cookie == 0) return nullptr;
  return connection->cookie == CookieOf(fd) ? connection : nullptr;
}

// "127.0.0.1:34567".
std::string PeerOf(int fd) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      address.ss_family == AF_UNIX ||
      getnameinfo(generic, size, host, sizeof(host), port, sizeof(port),
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "this machine";
  }
  return absl::StrCat(host, ":", port);
}

const char* Read(FrameGuard& guard, const msghdr& message, size_t size) {
  const absl::Time now = Now();
  for (size_t i = 0; i < message.msg_iovlen && size > 0; ++i) {
    const size_t part = std::min(size, message.msg_iov[i].iov_len);
    const absl::string_view bytes(static_cast<const char*>(message.msg_iov[i].iov_base), part);
    if (const char* why = guard.Read(bytes, now)) return why;
    size -= part;
  }
  return nullptr;
}

}  // namespace

void GuardConnection(int fd, int64_t max_call_bytes) {
  std::atomic<Connection*>& place = Connections()[fd];
  Connection* connection = place.load(std::memory_order_acquire);
  // Places are used again and never freed, so there are as many as there ever were connections at
  // a time.
  if (connection == nullptr) connection = new Connection();
  connection->guard = FrameGuard(max_call_bytes);
  connection->ended = false;
  connection->cookie = CookieOf(fd);
  place.store(connection, std::memory_order_release);
}

}  // namespace tarea

// Comes before the C library's for all that is linked dynamically, which gRPC is.
extern "C" ssize_t recvmsg(int fd, msghdr* message, int flags) {
  const ssize_t size = syscall(SYS_recvmsg, fd, message, flags);
  if (size <= 0 || flags != 0) return size;
  tarea::Connection* const connection = tarea::Find(fd);
  if (connection == nullptr) return size;
  if (!connection->ended) {
    const char* const why = tarea::Read(connection->guard, *message, static_cast<size_t>(size));
    if (why == nullptr) return size;
    connection->ended = true;
    spdlog::warn("ended a connection from {}: {}", tarea::PeerOf(fd), why);
  }
  errno = ECONNRESET;
  return -1;
}
