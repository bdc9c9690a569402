#include "worker/handlers/guardian.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

namespace tarea {
namespace {

// 0 to 2 are the command's.
constexpr int kControl = 3;
constexpr unsigned kLastFd = ~0U;

// Pause between two sweeps of kills, doubled each time. SIGCHLD cuts it short.
constexpr int kFirstPauseMs = 1;
constexpr int kLongestPauseMs = 64;

constexpr int kExitFailure = 127;

int64_t NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

void Report(int control_fd, GuardianReport::Kind kind, int value) {
  const GuardianReport report = {kind, value};
  send(control_fd, &report, sizeof(report), MSG_NOSIGNAL);
}

[[noreturn]] void Fail(int control_fd, GuardianReport::Kind kind) {
  Report(control_fd, kind, errno);
  _exit(kExitFailure);
}

// Puts the guardian's descriptors at 0 to 3 and closes all others: among them are the control
// sockets of other tasks, whose end must be seen when the worker dies. All others go first, since
// the worker may have used up its limit.
void TakeDescriptors(const GuardianOrders& orders) {
  const int given[] = {orders.stdin_fd, orders.stdout_fd, orders.stderr_fd, orders.control_fd};
  int sorted[] = {given[0], given[1], given[2], given[3]};
  std::sort(std::begin(sorted), std::end(sorted));
  unsigned first = 0;
  for (const int fd : sorted) {
    const auto kept = static_cast<unsigned>(fd);
    if (kept > first) close_range(first, kept - 1, 0);
    first = kept + 1;
  }
  close_range(first, kLastFd, 0);

  // Out of the way first: one of them may be where another belongs.
  int moved[4];
  for (int i = 0; i < 4; ++i) {
    moved[i] = fcntl(given[i], F_DUPFD_CLOEXEC, kControl + 1);
    if (moved[i] < 0) Fail(orders.control_fd, GuardianReport::kNoGuardian);
  }
  for (int i = 0; i < kControl; ++i) dup2(moved[i], i);
  dup3(moved[kControl], kControl, O_CLOEXEC);
  if (close_range(kControl + 1, kLastFd, 0) != 0) Fail(kControl, GuardianReport::kNoGuardian);
}

// An ignored signal stays ignored across exec, and a worker may have had reasons to ignore some.
void ResetSignalActions() {
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, &action, nullptr);
}

// As execvp does it, but never with a shell. Returns if none can be run.
void TryPrograms(const GuardianOrders& orders) {
  bool forbidden = false;
  for (const std::string& program : orders.programs) {
    execve(program.c_str(), orders.argv.data(), orders.envp.data());
    if (errno == EACCES) {
      forbidden = true;
    } else if (errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG) {
      return;
    }
  }
  if (forbidden) errno = EACCES;
}

// In the guardian's child.
[[noreturn]] void BecomeCommand(const GuardianOrders& orders, pid_t guardian) {
  setsid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != guardian) _exit(kExitFailure);  // it died before that
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      close_range(kControl, kLastFd, CLOSE_RANGE_CLOEXEC) != 0) {
    Fail(kControl, GuardianReport::kNoGuardian);
  }
  if (orders.working_directory != nullptr && chdir(orders.working_directory) != 0) {
    Fail(kControl, GuardianReport::kNoDirectory);
  }
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  TryPrograms(orders);
  Fail(kControl, GuardianReport::kNoProgram);
}

class Guardian {
 public:
  explicit Guardian(GuardianOrders& orders) : orders_(orders) {}

  void Start();
  [[noreturn]] void Watch();

 private:
  void ReapOrExit();
  bool MustKill() const;
  void Wait();
  void ReadControl();

  GuardianOrders& orders_;
  int signals_ = -1;  // readable when a child has ended
  pid_t command_ = 0;
  bool command_ended_ = false;
  bool worker_gone_ = false;
  bool stopping_ = false;
  int64_t kill_at_ms_ = 0;
  int pause_ms_ = kFirstPauseMs;
};

void Guardian::Start() {
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  signals_ = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals_ < 0) Fail(kControl, GuardianReport::kNoGuardian);
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) Fail(kControl, GuardianReport::kNoGuardian);
  if (!ProcessTree::Supported()) {
    errno = ENOTSUP;
    Fail(kControl, GuardianReport::kNoGuardian);
  }

  const pid_t guardian = getpid();
  command_ = _Fork();
  if (command_ < 0) Fail(kControl, GuardianReport::kNoGuardian);
  if (command_ == 0) BecomeCommand(orders_, guardian);
  Report(kControl, GuardianReport::kStarted, command_);
  // Else the worker would never see the end of the output.
  close_range(0, kControl - 1, 0);
}

void Guardian::Watch() {
  while (true) {
    ReapOrExit();
    if (MustKill()) orders_.tree.Kill();
    Wait();
  }
}

// Whoever lives below the guardian has an ancestor that is its child, so without children the tree
// is gone.
void Guardian::ReapOrExit() {
  while (true) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid == 0) return;
    if (pid < 0) _exit(0);
    if (pid != command_) continue;
    command_ended_ = true;
    Report(kControl, stopping_ ? GuardianReport::kStopped : GuardianReport::kEnded, status);
  }
}

bool Guardian::MustKill() const {
  if (worker_gone_) return true;
  return stopping_ ? NowMs() >= kill_at_ms_ : command_ended_;
}

void Guardian::Wait() {
  int timeout_ms = -1;
  if (MustKill()) {
    timeout_ms = pause_ms_;
    pause_ms_ = std::min(pause_ms_ * 2, kLongestPauseMs);
  } else if (stopping_) {
    timeout_ms = static_cast<int>(std::clamp<int64_t>(kill_at_ms_ - NowMs(), 0, 60'000));
  }
  pollfd fds[] = {{signals_, POLLIN, 0}, {worker_gone_ ? -1 : kControl, POLLIN, 0}};
  if (poll(fds, 2, timeout_ms) <= 0) return;
  if (fds[0].revents != 0) {
    signalfd_siginfo ignored;
    while (read(signals_, &ignored, sizeof(ignored)) > 0) {
    }
  }
  if (fds[1].revents != 0) ReadControl();
}

void Guardian::ReadControl() {
  char stop = 0;
  const ssize_t size = recv(kControl, &stop, sizeof(stop), MSG_DONTWAIT);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) {
    worker_gone_ = true;
  } else if (!stopping_ && !command_ended_) {
    stopping_ = true;
    kill_at_ms_ = NowMs() + orders_.kill_after_ms;
    orders_.tree.Terminate(command_);
  }
}

}  // namespace

void RunGuardian(GuardianOrders& orders) {
  setsid();
  prctl(PR_SET_NAME, "tarea-guardian");
  TakeDescriptors(orders);
  ResetSignalActions();
  Guardian guardian(orders);
  guardian.Start();
  guardian.Watch();
}

}  // namespace tarea
