// Preloaded into the master: lets the writes and syncs of its data fail when the harness says so
// (io_control.h). Does nothing if it is not told where the control file is.
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/chaos/io_control.h"

namespace {

using tarea::IoControl;

IoControl* MapControl() {
  const char* path = getenv(tarea::kIoControlVariable);
  if (path == nullptr) return nullptr;
  const int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return nullptr;
  void* memory = mmap(nullptr, sizeof(IoControl), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return memory == MAP_FAILED ? nullptr : static_cast<IoControl*>(memory);
}

IoControl* Control() {
  static IoControl* const control = MapControl();
  return control;
}

// Whether the descriptor is of a file whose calls may fail.
bool IsOurs(int fd) {
  static const char* const directory = getenv(tarea::kIoDirectoryVariable);
  if (directory == nullptr || Control() == nullptr) return false;
  char link[64];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  char path[4096];
  const ssize_t size = readlink(link, path, sizeof(path));
  const size_t length = strlen(directory);
  return size > static_cast<ssize_t>(length) && strncmp(path, directory, length) == 0;
}

// Counts down; true for whoever comes to zero.
bool IsTurn(std::atomic<int32_t>& counter) {
  int32_t left = counter.load();
  while (left > 0) {
    if (!counter.compare_exchange_weak(left, left - 1)) continue;
    if (left != 1) return false;
    ++Control()->carried_out;
    return true;
  }
  return false;
}

// Whether a change of a file is to fail; errno says how.
bool ChangeFails(int fd, bool takes_space) {
  if (!IsOurs(fd)) return false;
  if (takes_space && Control()->full != 0) {
    errno = ENOSPC;
    return true;
  }
  if (!IsTurn(Control()->fail_write)) return false;
  errno = EIO;
  return true;
}

bool WriteFails(int fd) { return ChangeFails(fd, true); }
// A disk that is full cuts files all the same.
bool TruncateFails(int fd) { return ChangeFails(fd, false); }

template <typename Function>
Function Real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

template <typename Sync>
int SyncOrFail(Sync sync, int fd) {
  if (!IsOurs(fd)) return sync(fd);
  if (IsTurn(Control()->kill_before_sync)) kill(getpid(), SIGKILL);
  if (IsTurn(Control()->fail_sync)) {
    errno = EIO;
    return -1;
  }
  const int result = sync(fd);
  if (IsTurn(Control()->kill_after_sync)) kill(getpid(), SIGKILL);
  return result;
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* data, size_t size) {
  static const auto real = Real<ssize_t (*)(int, const void*, size_t)>("write");
  return WriteFails(fd) ? -1 : real(fd, data, size);
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  static const auto real = Real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  return WriteFails(fd) ? -1 : real(fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) {
  static const auto real = Real<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
  return WriteFails(fd) ? -1 : real(fd, data, size, offset);
}

int ftruncate(int fd, off_t size) noexcept {
  static const auto real = Real<int (*)(int, off_t)>("ftruncate");
  return TruncateFails(fd) ? -1 : real(fd, size);
}

int ftruncate64(int fd, off64_t size) noexcept {
  static const auto real = Real<int (*)(int, off64_t)>("ftruncate64");
  return TruncateFails(fd) ? -1 : real(fd, size);
}

int fsync(int fd) {
  static const auto real = Real<int (*)(int)>("fsync");
  return SyncOrFail(real, fd);
}

int fdatasync(int fd) {
  static const auto real = Real<int (*)(int)>("fdatasync");
  return SyncOrFail(real, fd);
}

}  // extern "C"
