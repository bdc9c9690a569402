#include "worker/handlers/isolation.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "worker/handlers/unique_fd.h"

namespace tarea {
namespace {

bool WriteTo(const char* path, const std::string& text) {
  const UniqueFd fd(open(path, O_WRONLY | O_CLOEXEC));
  return fd.valid() &&
         write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// Done once, before there are secrets: a process that hides its memory may not write to its own
// /proc, and one that shows it for a moment shows it to whoever waits for that.
bool MoveToUserNamespace() {
  const uid_t uid = geteuid();
  const gid_t gid = getegid();
  return unshare(CLONE_NEWUSER) == 0 && WriteTo("/proc/self/setgroups", "deny") &&
         WriteTo("/proc/self/gid_map", absl::StrCat(gid, " ", gid, " 1")) &&
         WriteTo("/proc/self/uid_map", absl::StrCat(uid, " ", uid, " 1"));
}

// 0 or errno.
int Try() {
  const pid_t child = ForkIsolated();
  if (child == 0) _exit(EnterIsolation() ? 0 : errno);
  if (child < 0) return errno;
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : EAGAIN;
}

}  // namespace

absl::Status PrepareIsolation(bool changes_user) {
  int error = Try();
  if (error == EPERM && !changes_user) error = MoveToUserNamespace() ? Try() : errno;
  if (error == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "--exec-isolate: this system does not let the worker make namespaces (",
      absl::ErrnoToStatus(error, "").message(),
      "); give it CAP_SYS_ADMIN, allow user namespaces (sysctl user.max_user_namespaces), or leave "
      "--exec-isolate out"));
}

// fork of the C library takes no flags; without a stack of its own the child gets a copy.
pid_t ForkIsolated() {
  constexpr uint64_t kFlags = CLONE_NEWPID | CLONE_NEWNS | SIGCHLD;
  return static_cast<pid_t>(syscall(SYS_clone, kFlags, nullptr, nullptr, nullptr, nullptr));
}

// What is mounted outside later is to be seen here, but not the other way round. Who has
// CAP_SYS_ADMIN could take the new /proc away and see the one below it.
bool EnterIsolation() {
  return mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) == 0 &&
         mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0 &&
         prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0) == 0 &&
         prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE, 0, 0, 0) == 0;
}

}  // namespace tarea
