#include "bench/peers/wire.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <thread>

#include "bench/peers/peer.h"

namespace tarea::peers {

Wire::Wire(int port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), in_(1 << 20, '\0') {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    Die("cannot connect to 127.0.0.1:" + std::to_string(port) + ": " +
        std::generic_category().message(errno));
  }
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

Wire::~Wire() { close(fd_); }

void Wire::Flush() {
  std::size_t sent = 0;
  while (sent < out_.size()) {
    const ssize_t n = send(fd_, out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) {
      Die("the server has closed the connection: " + std::generic_category().message(errno));
    }
    sent += static_cast<std::size_t>(n);
  }
  out_.clear();
}

void Wire::Fill() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ == in_.size()) {
    if (begin_ == 0) Die("a reply is longer than " + std::to_string(in_.size()) + " bytes");
    in_.erase(0, begin_);
    end_ -= begin_;
    in_.resize(in_.size() + begin_);
    begin_ = 0;
  }
  if (pause_.count() > 0) std::this_thread::sleep_for(pause_);
  const ssize_t n = recv(fd_, in_.data() + end_, in_.size() - end_, 0);
  if (n <= 0) Die("the server has closed the connection");
  end_ += static_cast<std::size_t>(n);
}

std::string_view Wire::Peek(std::size_t size) {
  while (Available() < size) Fill();
  return std::string_view(in_.data() + begin_, Available());
}

bool Wire::AwaitBytes(std::chrono::milliseconds timeout) {
  pollfd readable{.fd = fd_, .events = POLLIN, .revents = 0};
  return Available() > 0 || poll(&readable, 1, static_cast<int>(timeout.count())) != 0;
}

std::string_view Wire::Line() {
  std::size_t looked = 0;
  while (true) {
    const std::string_view bytes(in_.data() + begin_, Available());
    const std::size_t end = bytes.find("\r\n", looked);
    if (end != std::string_view::npos) {
      Consume(end + 2);
      return bytes.substr(0, end);
    }
    looked = bytes.empty() ? 0 : bytes.size() - 1;
    Fill();
  }
}

}  // namespace tarea::peers
