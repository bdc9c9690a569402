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

#include "worker/handlers/isolation.h"
#include "worker/handlers/orders.h"

namespace tarea {
namespace {

// 0 to 2 are /dev/null, which a command without stdin gets as it is.
constexpr int kControl = 3;
constexpr unsigned kLastFd = ~0U;
// Where a command writes its progress.
constexpr int kProgress = 3;

// Pause between two sweeps of kills, doubled each time. SIGCHLD cuts it short.
constexpr int kFirstPauseMs = 1;
constexpr int kLongestPauseMs = 64;

constexpr int kExitFailure = 127;

int64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

int64_t NowMs() { return NowNs() / 1'000'000; }

void Report(int control_fd, const GuardianReport& report) {
  send(control_fd, &report, sizeof(report), MSG_NOSIGNAL);
}

[[noreturn]] void Fail(int control_fd) {
  Report(control_fd, {GuardianReport::kNoGuardian, errno, 0});
  _exit(kExitFailure);
}

// Keeps the control socket alone, as kControl: among the others are the control sockets of other
// guardians, whose end must be seen when the worker dies. They go before anything is opened, since
// the worker may have used up its limit.
void TakeDescriptors(int control_fd) {
  const auto kept = static_cast<unsigned>(control_fd);
  if (kept > 0) close_range(0, kept - 1, 0);
  close_range(kept + 1, kLastFd, 0);
  // Out of the way: it may be where /dev/null belongs.
  const int control = fcntl(control_fd, F_DUPFD_CLOEXEC, kControl + 1);
  if (control < 0) Fail(control_fd);
  close(control_fd);
  for (int fd = 0; fd < kControl; ++fd) {
    if (open("/dev/null", O_RDWR) != fd) Fail(control);  // NOLINT: commands may get it
  }
  if (dup3(control, kControl, O_CLOEXEC) < 0) Fail(control);
  close(control);
}

// An ignored signal stays ignored across exec, and a worker may have had reasons to ignore some.
void ResetSignalActions() {
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, &action, nullptr);
}

// --- The command before its exec
// -------------------------------------------------------------------

// It shares all memory with the guardian, which waits (vfork). `guardian` is its parent.
class Newborn {
 public:
  Newborn(const ReceivedOrders& orders, GuardianShared& shared, pid_t guardian)
      : orders_(orders), shared_(shared), guardian_(guardian) {}

  [[noreturn]] void BecomeCommand();

 private:
  [[noreturn]] void Fail(GuardianReport::Kind kind);
  void TakeStreams();
  void TryPrograms();

  const ReceivedOrders& orders_;
  GuardianShared& shared_;
  const pid_t guardian_;
};

void Newborn::BecomeCommand() {
  shared_.command = getpid();
  setsid();
  TakeStreams();
  if (!Become(orders_.user())) Fail(GuardianReport::kNoUser);
  // Whoever becomes another loses this, so it comes after.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != guardian_) _exit(kExitFailure);  // it died before that
  if (orders_.directory() != nullptr && chdir(orders_.directory()) != 0) {
    Fail(GuardianReport::kNoDirectory);
  }
  if (!ApplyLimits(orders_.limits())) Fail(GuardianReport::kNoLimits);
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  TryPrograms();
  Fail(GuardianReport::kNoProgram);
}

void Newborn::Fail(GuardianReport::Kind kind) {
  shared_.failure = {kind, errno, 0};
  _exit(kExitFailure);
}

// All others are closed by the exec.
void Newborn::TakeStreams() {
  if (orders_.in().valid() && dup2(orders_.in().get(), 0) < 0) Fail(GuardianReport::kNoProcess);
  if (dup2(orders_.out().get(), 1) < 0 || dup2(orders_.err().get(), 2) < 0) {
    Fail(GuardianReport::kNoProcess);
  }
  if (orders_.progress().valid() && dup2(orders_.progress().get(), kProgress) < 0) {
    Fail(GuardianReport::kNoProcess);
  }
}

// As execvp does it, but never with a shell. Returns if none can be run.
void Newborn::TryPrograms() {
  bool forbidden = false;
  for (char* const* program = orders_.programs(); *program != nullptr; ++program) {
    execve(*program, orders_.argv(), orders_.envp());
    if (errno == EACCES) {
      forbidden = true;
    } else if (errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG) {
      return;
    }
  }
  if (forbidden) errno = EACCES;
}

// In a function of its own, so that no variable of the caller lives across the second return.
[[gnu::noinline]] pid_t Start(Newborn& newborn) {
  const pid_t pid = vfork();  // NOLINT: that is the point
  if (pid == 0) newborn.BecomeCommand();
  return pid;
}

// --- The guardian ------------------------------------------------------------------------------

class Guardian {
 public:
  Guardian(bool isolated, GuardianShared& shared, ProcessTree& tree)
      : isolated_(isolated), shared_(shared), tree_(tree) {}

  void Prepare();
  [[noreturn]] void Run();

 private:
  GuardianReport RunCommand();
  void WatchUntilGone();
  bool ReapAll();
  bool MustKill() const;
  void TerminateAll();
  void KillAll();
  void Wait();
  void ReadControl();

  const bool isolated_;
  GuardianShared& shared_;
  ProcessTree& tree_;
  const pid_t pid_ = getpid();
  ReceivedOrders orders_;
  int signals_ = -1;  // readable when a child has ended
  bool worker_gone_ = false;

  // Of one command.
  pid_t command_ = 0;
  bool command_ended_ = false;
  bool stopping_ = false;
  int64_t started_ns_ = 0;
  int64_t kill_at_ms_ = 0;
  int pause_ms_ = kFirstPauseMs;
  GuardianReport report_ = {};
};

void Guardian::Prepare() {
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  signals_ = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals_ < 0) Fail(kControl);
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) Fail(kControl);
  // What it starts inherits that.
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) Fail(kControl);
  if (!isolated_ && !ProcessTree::Supported()) {
    errno = ENOTSUP;
    Fail(kControl);
  }
}

void Guardian::Run() {
  while (!worker_gone_ && orders_.Receive(kControl)) {
    const GuardianReport report = RunCommand();
    Report(kControl, report);
  }
  _exit(0);
}

GuardianReport Guardian::RunCommand() {
  command_ended_ = false;
  stopping_ = false;
  pause_ms_ = kFirstPauseMs;
  report_ = {};
  shared_.failure = {};
  started_ns_ = NowNs();
  Newborn newborn(orders_, shared_, pid_);
  command_ = Start(newborn);
  const int error = errno;
  // Else the worker would never see the end of the output.
  orders_.Clear();
  if (command_ < 0) return {GuardianReport::kNoProcess, error, 0};
  WatchUntilGone();
  return shared_.failure.value != 0 ? shared_.failure : report_;
}

void Guardian::WatchUntilGone() {
  while (!ReapAll()) {
    if (MustKill()) KillAll();
    Wait();
  }
}

// Whoever lives below the guardian has an ancestor that is its child, so without children the tree
// is gone: then true.
bool Guardian::ReapAll() {
  while (true) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid == 0) return false;
    if (pid < 0) return true;
    if (pid != command_) continue;
    shared_.command = 0;
    command_ended_ = true;
    report_ = {stopping_ ? GuardianReport::kStopped : GuardianReport::kEnded, status,
               NowNs() - started_ns_};
  }
}

bool Guardian::MustKill() const {
  if (worker_gone_) return true;
  return stopping_ ? NowMs() >= kill_at_ms_ : command_ended_;
}

// The first process of a namespace reaches all the others there and none else, whatever they have
// done to /proc.
void Guardian::TerminateAll() {
  if (!isolated_) {
    tree_.Terminate(command_);
    return;
  }
  kill(-1, SIGTERM);
  kill(-1, SIGCONT);
}

void Guardian::KillAll() {
  if (isolated_) {
    kill(-1, SIGKILL);
  } else {
    tree_.Kill();
  }
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
    // However many have ended, there is one signal.
    signalfd_siginfo ignored;
    [[maybe_unused]] const ssize_t size = read(signals_, &ignored, sizeof(ignored));
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
    kill_at_ms_ = NowMs() + orders_.kill_after_ms();
    TerminateAll();
  }
}

}  // namespace

void RunGuardian(int control_fd, bool isolated, GuardianShared& shared, ProcessTree& tree) {
  setsid();
  prctl(PR_SET_NAME, "tarea-guardian");
  TakeDescriptors(control_fd);
  ResetSignalActions();
  if (isolated && !EnterIsolation()) Fail(kControl);
  Guardian guardian(isolated, shared, tree);
  guardian.Prepare();
  guardian.Run();
}

}  // namespace tarea
