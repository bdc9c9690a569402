#include "client/commands/descriptor_input.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include <ios>
#include <system_error>

namespace tarea {
namespace {

constexpr int kIdleMilliseconds = 50;

}  // namespace

bool InputWait::Await(int fd) const {
  for (bool idle = on_idle_ == nullptr;;) {
    // One that is negative is passed over.
    pollfd fds[2] = {{.fd = fd, .events = POLLIN, .revents = 0},
                     {.fd = stop_, .events = POLLIN, .revents = 0}};
    const int ready = poll(fds, 2, idle ? -1 : kIdleMilliseconds);
    if (ready < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    if (ready > 0) return fds[1].revents == 0;
    idle = true;
    if (!on_idle_()) return false;
  }
}

DescriptorInput::int_type DescriptorInput::underflow() {
  while (wait_->Await(fd_)) {
    const ssize_t count = read(fd_, buffer_.data(), buffer_.size());
    if (count > 0) {
      setg(buffer_.data(), buffer_.data(), buffer_.data() + count);
      return traits_type::to_int_type(buffer_[0]);
    }
    if (count == 0) break;
    if (errno == EINTR || errno == EAGAIN) continue;
    // Its stream catches that; a buffer has no other way to tell an error from the end.
    throw std::ios_base::failure("cannot read", std::error_code(errno, std::generic_category()));
  }
  return traits_type::eof();
}

}  // namespace tarea
