#ifndef TAREA_TESTS_SUPPORT_DEAD_PORT_H_
#define TAREA_TESTS_SUPPORT_DEAD_PORT_H_

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"

namespace tarea {

// A port on which nobody listens, and nobody else can for as long as this lives: connections to it
// are refused.
class DeadPort {
 public:
  DeadPort() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(fd_, generic, size) != 0 || getsockname(fd_, generic, &size) != 0) abort();
    port_ = ntohs(address.sin_port);
  }
  DeadPort(const DeadPort&) = delete;
  DeadPort& operator=(const DeadPort&) = delete;
  ~DeadPort() { close(fd_); }

  // "127.0.0.1:PORT".
  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }

 private:
  const int fd_;
  int port_ = 0;
};

}  // namespace tarea

#endif  // TAREA_TESTS_SUPPORT_DEAD_PORT_H_
