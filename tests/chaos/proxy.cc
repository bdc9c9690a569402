#include "tests/chaos/proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace tarea {
namespace {

constexpr absl::Duration kLongestTurn = absl::Seconds(1);

sockaddr_in ToSocketAddress(const LoopbackAddress& address) {
  sockaddr_in result = {};
  result.sin_family = AF_INET;
  result.sin_port = htons(static_cast<uint16_t>(address.port));
  result.sin_addr.s_addr = htonl(address.host);
  return result;
}

// Binds to a port that the kernel picks, and puts it into `address`.
void BindAnyPort(int fd, LoopbackAddress& address) {
  sockaddr_in bound = ToSocketAddress({address.host, 0});
  socklen_t size = sizeof(bound);
  auto* const generic = reinterpret_cast<sockaddr*>(&bound);
  if (bind(fd, generic, size) != 0 || getsockname(fd, generic, &size) != 0) abort();
  address.port = ntohs(bound.sin_port);
}

int NewSocket() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) abort();
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

}  // namespace

std::string LoopbackAddress::ToString() const {
  return absl::StrCat(host >> 24, ".", host >> 16 & 255, ".", host >> 8 & 255, ".", host & 255, ":",
                      port);
}

LoopbackAddress PickAddress() {
  // 127.64.0.0 to 127.127.255.255; connections that others make come from 127.0.0.1.
  const auto pid = static_cast<uint32_t>(getpid());
  LoopbackAddress address{.host = 0x7f400000u | (pid & 0x3fffffu)};
  const int fd = NewSocket();
  BindAnyPort(fd, address);
  close(fd);
  return address;
}

Proxy::Proxy(const LoopbackAddress& target) : target_(target) {
  if (pipe2(wake_, O_NONBLOCK | O_CLOEXEC) != 0) abort();
  thread_ = std::thread([this] { Run(); });
}

Proxy::~Proxy() {
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
  }
  Wake();
  thread_.join();
  for (const std::unique_ptr<Link>& link : links_) close(link->listener);
  close(wake_[0]);
  close(wake_[1]);
}

void Proxy::Wake() const {
  // A full pipe wakes as well.
  if (write(wake_[1], "", 1) < 0 && errno != EAGAIN) abort();
}

int Proxy::AddLink() {
  auto link = std::make_unique<Link>();
  link->listener = NewSocket();
  link->address.host = INADDR_LOOPBACK;
  BindAnyPort(link->listener, link->address);
  if (listen(link->listener, 128) != 0) abort();
  absl::MutexLock lock(&mu_);
  links_.push_back(std::move(link));
  Wake();
  return static_cast<int>(links_.size()) - 1;
}

std::string Proxy::address(int link) const {
  absl::MutexLock lock(&mu_);
  return links_[link]->address.ToString();
}

void Proxy::SetQuality(int link, const LinkQuality& quality) {
  absl::MutexLock lock(&mu_);
  links_[link]->quality = quality;
  Wake();
}

void Proxy::Reset(int link) {
  absl::MutexLock lock(&mu_);
  for (const std::unique_ptr<Relay>& relay : links_[link]->relays) relay->Reset();
  Wake();
}

void Proxy::LeaveHalfOpen(int link) {
  absl::MutexLock lock(&mu_);
  for (const std::unique_ptr<Relay>& relay : links_[link]->relays) relay->LeaveHalfOpen();
  Wake();
}

void Proxy::Run() {
  std::vector<pollfd> fds;
  for (;;) {
    fds.clear();
    fds.push_back({wake_[0], POLLIN, 0});
    absl::Duration wait = kLongestTurn;
    {
      absl::MutexLock lock(&mu_);
      if (stopped_) {
        for (const std::unique_ptr<Link>& link : links_) link->relays.clear();
        return;
      }
      Turn();
      const absl::Time now = absl::Now();
      for (const std::unique_ptr<Link>& link : links_) {
        fds.push_back({link->listener, POLLIN, 0});
        for (const std::unique_ptr<Relay>& relay : link->relays) {
          wait = std::min(wait, relay->Prepare(link->quality, now, fds));
        }
      }
    }
    poll(fds.data(), fds.size(), static_cast<int>(absl::ToInt64Milliseconds(wait)));
    char ignored[64];
    while (read(wake_[0], ignored, sizeof(ignored)) > 0) {
    }
  }
}

void Proxy::Turn() {
  const absl::Time now = absl::Now();
  for (const std::unique_ptr<Link>& link : links_) {
    Accept(*link);
    link->relays.remove_if(
        [&](const std::unique_ptr<Relay>& relay) { return !relay->Move(link->quality, now); });
  }
}

void Proxy::Accept(Link& link) {
  for (;;) {
    const int client = accept4(link.listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0) return;
    const int on = 1;
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    const int master = NewSocket();
    const sockaddr_in address = ToSocketAddress(target_);
    const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
    if (connect(master, generic, sizeof(address)) != 0 && errno != EINPROGRESS) {
      close(master);
      close(client);
      continue;
    }
    link.relays.push_back(std::make_unique<Relay>(client, master));
  }
}

}  // namespace tarea
