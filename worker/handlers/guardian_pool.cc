#include "worker/handlers/guardian_pool.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <new>
#include <utility>

#include "worker/handlers/isolation.h"

namespace tarea {
namespace {

// _Fork runs no handlers of pthread_atfork, of which gRPC has some.
pid_t ForkGuardian(int control_fd, bool isolated, GuardianShared& shared, ProcessTree& tree) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = isolated ? ForkIsolated() : _Fork();
  if (pid == 0) RunGuardian(control_fd, isolated, shared, tree);
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return pid;
}

}  // namespace

absl::StatusOr<std::unique_ptr<GuardianProcess>> GuardianProcess::Start(bool isolated) {
  // The guardian's copy of it is made here, since the guardian cannot use malloc.
  ProcessTree tree;
  std::unique_ptr<GuardianProcess> guardian(new GuardianProcess(isolated));
  void* shared = mmap(nullptr, sizeof(GuardianShared), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return absl::ErrnoToStatus(errno, "cannot map memory");
  guardian->shared_ = new (shared) GuardianShared{};
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
    return absl::ErrnoToStatus(errno, "cannot make a socket");
  }
  guardian->control_ = UniqueFd(fds[0]);
  const UniqueFd others_end(fds[1]);
  guardian->pid_ = ForkGuardian(others_end.get(), isolated, *guardian->shared_, tree);
  if (guardian->pid_ < 0) return absl::ErrnoToStatus(errno, "cannot start a process");
  // Of no use to the guardians after it.
  madvise(shared, sizeof(GuardianShared), MADV_DONTFORK);
  return guardian;
}

GuardianProcess::~GuardianProcess() {
  // It sees the end of the socket and kills what it has; until then nothing else tells what is
  // left.
  control_.Close();
  while (pid_ > 0 && waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (shared_ != nullptr) munmap(shared_, sizeof(GuardianShared));
}

std::unique_ptr<GuardianProcess> GuardianPool::Take() {
  absl::MutexLock lock(&mu_);
  if (idle_.empty()) return nullptr;
  std::unique_ptr<GuardianProcess> guardian = std::move(idle_.back());
  idle_.pop_back();
  return guardian;
}

void GuardianPool::Return(std::unique_ptr<GuardianProcess> guardian) {
  absl::MutexLock lock(&mu_);
  idle_.push_back(std::move(guardian));
}

}  // namespace tarea
