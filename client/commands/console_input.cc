#include "client/commands/console_input.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

namespace tarea {
namespace {

constexpr int kIdleMilliseconds = 50;

}  // namespace

ConsoleInput::int_type ConsoleInput::underflow() {
  for (bool idle = on_idle_ == nullptr;;) {
    pollfd fds[2] = {{.fd = fd_, .events = POLLIN, .revents = 0},
                     {.fd = stop_, .events = POLLIN, .revents = 0}};
    const int ready = poll(fds, 2, idle ? -1 : kIdleMilliseconds);
    if (ready < 0) {
      if (errno == EINTR) continue;
      return traits_type::eof();
    }
    if (ready == 0) {
      idle = true;
      if (!on_idle_()) return traits_type::eof();
      continue;
    }
    if (fds[1].revents != 0) return traits_type::eof();
    const ssize_t count = read(fd_, buffer_.data(), buffer_.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return traits_type::eof();
    setg(buffer_.data(), buffer_.data(), buffer_.data() + count);
    return traits_type::to_int_type(buffer_[0]);
  }
}

}  // namespace tarea
