#ifndef TAREA_WORKER_HANDLERS_UNIQUE_FD_H_
#define TAREA_WORKER_HANDLERS_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace tarea {

// A file descriptor that is closed with this object. -1 means none. Async-signal-safe.
class UniqueFd {
 public:
  explicit UniqueFd(int fd = -1) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~UniqueFd() { Close(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

}  // namespace tarea

#endif  // TAREA_WORKER_HANDLERS_UNIQUE_FD_H_
