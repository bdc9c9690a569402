#include "master/acceptor.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace tarea {
namespace {

constexpr int kBacklog = SOMAXCONN;
constexpr absl::Duration kTellInterval = absl::Seconds(10);
// Until it tries again when the system has no memory or no descriptors for a connection.
constexpr int kPauseMillis = 100;

std::string Reason(int error) { return strerrordesc_np(error); }

void SetPort(sockaddr* address, int port) {
  if (address->sa_family == AF_INET) {
    reinterpret_cast<sockaddr_in*>(address)->sin_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in6*>(address)->sin6_port = htons(port);
  }
}

int PortOf(int listener) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  if (getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.ss_family == AF_INET
                   ? reinterpret_cast<const sockaddr_in*>(&address)->sin_port
                   : reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
}

// Answers -1 and errno on failure.
int OpenListener(const sockaddr* address, socklen_t size) {
  const int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  if (address->sa_family != AF_UNIX) {
    // A port is free again as soon as its master has ended. Two masters cannot share it.
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    // Inherited by what is accepted.
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  if (bind(fd, address, size) == 0 && listen(fd, kBacklog) == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

absl::Status CannotListen(const std::string& address, const std::string& why) {
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", address, ": ", why,
                   ": the port is in use, or the address is not one of this machine; choose "
                   "another with --listen, or port 0 for any that is free"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Acceptor>> Acceptor::Listen(const std::string& address,
                                                           int max_connections, Clock* clock) {
  std::unique_ptr<Acceptor> acceptor = absl::WrapUnique(new Acceptor(max_connections, clock));
  absl::Status status = acceptor->SetDescriptorLimit();
  if (status.ok()) status = acceptor->Open(address);
  if (!status.ok()) return status;
  acceptor->wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (acceptor->wake_ < 0) {
    return absl::UnavailableError(absl::StrCat("eventfd: ", Reason(errno)));
  }
  return acceptor;
}

Acceptor::Acceptor(int max_connections, Clock* clock)
    : max_connections_(max_connections), clock_(clock) {}

Acceptor::~Acceptor() {
  Stop();
  Close();
  if (wake_ >= 0) close(wake_);
}

absl::Status Acceptor::SetDescriptorLimit() {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t wanted = kFirst + max_connections_;
  if (limit.rlim_cur < wanted) {
    limit.rlim_cur = std::min(wanted, limit.rlim_max);
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur >= wanted) return absl::OkStatus();
  if (limit.rlim_cur <= kFirst) {
    return absl::FailedPreconditionError(
        absl::StrCat("only ", limit.rlim_cur,
                     " files may be open (ulimit -n); that leaves none for "
                     "connections: allow at least ",
                     kFirst + 1, ", and ", wanted, " for --max-connections ", max_connections_));
  }
  const int possible = static_cast<int>(limit.rlim_cur) - kFirst;
  spdlog::warn(
      "only {} files may be open (ulimit -n): at most {} connections, not {} "
      "(--max-connections)",
      limit.rlim_cur, possible, max_connections_);
  max_connections_ = possible;
  return absl::OkStatus();
}

absl::Status Acceptor::Open(const std::string& address) {
  if (absl::StartsWith(address, "unix:")) {
    return OpenUnix(std::string(absl::StripPrefix(address, "unix:")));
  }
  const size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (absl::StartsWith(host, "[") && absl::EndsWith(host, "]")) {
    host = host.substr(1, host.size() - 2);
  }
  addrinfo hints = {};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), address.substr(colon + 1).c_str(), &hints, &found);
  if (error != 0) return CannotListen(address, gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> all(found, &freeaddrinfo);
  std::string why;
  for (addrinfo* one = found; one != nullptr; one = one->ai_next) {
    // The first finds a free port, the others take the same.
    if (port_ != 0) SetPort(one->ai_addr, port_);
    const int listener = OpenListener(one->ai_addr, one->ai_addrlen);
    if (listener < 0) {
      why = Reason(errno);
      continue;
    }
    listeners_.push_back(listener);
    port_ = PortOf(listener);
  }
  // A name may have an address of a kind that this machine has not.
  return listeners_.empty() ? CannotListen(address, why) : absl::OkStatus();
}

absl::Status Acceptor::OpenUnix(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return absl::UnavailableError(absl::StrCat("cannot listen on unix:", path,
                                               ": a path must be 1 to ",
                                               sizeof(address.sun_path) - 1, " bytes"));
  }
  std::copy(path.begin(), path.end(), address.sun_path);
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  // A master that was killed leaves its socket behind; nobody answers there any more.
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  struct stat file = {};
  if (stat(path.c_str(), &file) == 0 && S_ISSOCK(file.st_mode) &&
      connect(probe, generic, sizeof(address)) != 0 && errno == ECONNREFUSED) {
    unlink(path.c_str());
  }
  close(probe);
  const int listener = OpenListener(generic, sizeof(address));
  if (listener < 0) {
    return absl::UnavailableError(absl::StrCat("cannot listen on unix:", path, ": ", Reason(errno),
                                               "; choose another with --listen"));
  }
  listeners_.push_back(listener);
  unix_path_ = path;
  return absl::OkStatus();
}

void Acceptor::Start(std::function<void(int fd)> take) {
  take_ = std::move(take);
  thread_ = std::thread([this] { Run(); });
}

void Acceptor::Stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  // Cannot fail: the counter of an eventfd is far from its end.
  if (write(wake_, &one, sizeof(one)) != sizeof(one)) return;
  thread_.join();
  Close();
}

void Acceptor::Close() {
  for (const int listener : listeners_) close(listener);
  listeners_.clear();
  if (!unix_path_.empty()) unlink(unix_path_.c_str());
  unix_path_.clear();
}

void Acceptor::Run() {
  std::vector<pollfd> all = {{.fd = wake_, .events = POLLIN, .revents = 0}};
  for (const int listener : listeners_) {
    all.push_back({.fd = listener, .events = POLLIN, .revents = 0});
  }
  bool pause = false;
  while (true) {
    // While the system is short of something only Stop matters.
    if (poll(all.data(), pause ? 1 : all.size(), pause ? kPauseMillis : -1) < 0 && errno != EINTR) {
      spdlog::error("poll: {}; no more connections are accepted", Reason(errno));
      return;
    }
    if (all[0].revents != 0) return;
    pause = false;
    for (size_t i = 1; i < all.size(); ++i) {
      if (!AcceptAll(all[i].fd)) pause = true;
    }
  }
}

bool Acceptor::AcceptAll(int listener) {
  while (true) {
    const int accepted = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted >= 0) {
      Take(accepted);
      continue;
    }
    switch (errno) {
      case EAGAIN:
        return true;
      // The peer has gone again, or its network.
      case EINTR:
      case ECONNABORTED:
      case EPROTO:
      case ENETDOWN:
      case ENETUNREACH:
      case EHOSTDOWN:
      case EHOSTUNREACH:
        continue;
      // The system is short of something; what waits is accepted once it is not.
      default:
        Tell(absl::StrCat("cannot accept a connection: ", Reason(errno)));
        return false;
    }
  }
}

void Acceptor::Take(int accepted) {
  const int fd = fcntl(accepted, F_DUPFD_CLOEXEC, kFirst);
  close(accepted);
  if (fd < 0 || fd >= kFirst + max_connections_) {
    if (fd >= 0) close(fd);
    Tell(absl::StrCat("refused a connection: ", max_connections_,
                      " are open already, the limit of --max-connections"));
    return;
  }
  take_(fd);
}

void Acceptor::Tell(const std::string& what) {
  const absl::Time now = clock_->Now();
  if (now - last_told_ < kTellInterval) {
    not_told_++;
    return;
  }
  spdlog::warn(
      "{}{}", what,
      not_told_ == 0 ? "" : absl::StrCat(" (", not_told_, " more since the last such line)"));
  last_told_ = now;
  not_told_ = 0;
}

}  // namespace tarea
