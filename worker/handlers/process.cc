#include "worker/handlers/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/logging.h"
#include "worker/handlers/guardian.h"
#include "worker/handlers/unique_fd.h"

namespace tarea {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr size_t kTailBytes = 4096;
constexpr size_t kReadBytes = 64 << 10;

// What execvp falls back to.
constexpr absl::string_view kDefaultPath = "/bin:/usr/bin";

std::vector<std::string> ProgramsToTry(const Command& command) {
  const std::string& name = command.argv[0];
  if (absl::StrContains(name, '/')) return {name};
  absl::string_view path = kDefaultPath;
  for (absl::string_view entry : command.environment) {
    if (absl::ConsumePrefix(&entry, "PATH=")) path = entry;
  }
  std::vector<std::string> programs;
  for (const absl::string_view directory : absl::StrSplit(path, ':')) {
    programs.push_back(directory.empty() ? name : absl::StrCat(directory, "/", name));
  }
  return programs;
}

// execve takes pointers to char, and does not write to what they point to.
std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// A file that has no name, at its beginning.
absl::StatusOr<UniqueFd> FileInMemory(absl::string_view data) {
  UniqueFd file(memfd_create("stdin", MFD_CLOEXEC));
  if (!file.valid()) return absl::ErrnoToStatus(errno, "cannot make a file in memory for stdin");
  while (!data.empty()) {
    const ssize_t size = write(file.get(), data.data(), data.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return absl::ErrnoToStatus(errno, "cannot keep stdin in memory");
    data.remove_prefix(size);
  }
  lseek(file.get(), 0, SEEK_SET);
  return file;
}

// The descriptors of one command. Each is closed on exec.
struct Channels {
  UniqueFd stdin_file;
  UniqueFd out, out_writer;  // `out` does not block
  UniqueFd err, err_writer;
  UniqueFd control, guardian_control;
};

absl::Status OpenPipe(UniqueFd& reader, UniqueFd& writer) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "cannot make a pipe");
  reader = UniqueFd(fds[0]);
  writer = UniqueFd(fds[1]);
  // Of the reading end only; commands do not expect a stdout that does not block.
  fcntl(fds[0], F_SETFL, O_NONBLOCK);
  return absl::OkStatus();
}

absl::StatusOr<Channels> OpenChannels(absl::string_view stdin_data) {
  Channels channels;
  absl::StatusOr<UniqueFd> stdin_file = FileInMemory(stdin_data);
  if (!stdin_file.ok()) return stdin_file.status();
  channels.stdin_file = *std::move(stdin_file);
  absl::Status status = OpenPipe(channels.out, channels.out_writer);
  status.Update(OpenPipe(channels.err, channels.err_writer));
  if (!status.ok()) return status;
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
    return absl::ErrnoToStatus(errno, "cannot make a socket");
  }
  channels.control = UniqueFd(fds[0]);
  channels.guardian_control = UniqueFd(fds[1]);
  return channels;
}

// Returns the guardian's pid. _Fork runs no handlers of pthread_atfork, of which gRPC has some.
absl::StatusOr<pid_t> StartGuardian(GuardianOrders& orders) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = _Fork();
  if (pid == 0) RunGuardian(orders);
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return absl::ErrnoToStatus(error, "cannot start a process");
  return pid;
}

// The worker's side of a command that runs.
class RunningCommand {
 public:
  RunningCommand(const Command& command, Channels channels, int stop_fd, CommandResult& result)
      : command_(command), channels_(std::move(channels)), stop_fd_(stop_fd), result_(result) {}

  // Returns when the guardian has gone, and with it the last process.
  void WatchUntilGone();

 private:
  void ReadSome(UniqueFd& fd, CapturedOutput& output);
  void ReadRest(UniqueFd& fd, CapturedOutput& output);
  void PassOnStop();
  void ReadReport();
  void HandleReport(const GuardianReport& report);
  void HandleEnd(int wait_status);
  void HandleLostGuardian();

  const Command& command_;
  Channels channels_;
  int stop_fd_;  // -1 when it has been passed on
  CommandResult& result_;
  const SteadyTime start_ = std::chrono::steady_clock::now();
  pid_t pid_ = 0;
  bool ended_ = false;
  std::vector<char> buffer_ = std::vector<char>(kReadBytes);
};

void RunningCommand::WatchUntilGone() {
  while (channels_.control.valid()) {
    pollfd fds[] = {{channels_.control.get(), POLLIN, 0},
                    {channels_.out.get(), POLLIN, 0},
                    {channels_.err.get(), POLLIN, 0},
                    {stop_fd_, POLLIN, 0}};
    if (poll(fds, std::size(fds), -1) < 0) continue;
    if (fds[3].revents != 0) PassOnStop();
    if (fds[1].revents != 0) ReadSome(channels_.out, result_.out);
    if (fds[2].revents != 0) ReadSome(channels_.err, result_.err);
    if (fds[0].revents != 0) ReadReport();
  }
  if (!ended_) HandleLostGuardian();
  ReadRest(channels_.out, result_.out);
  ReadRest(channels_.err, result_.err);
}

void RunningCommand::ReadSome(UniqueFd& fd, CapturedOutput& output) {
  const ssize_t size = read(fd.get(), buffer_.data(), buffer_.size());
  if (size > 0) {
    output.Add(absl::string_view(buffer_.data(), size));
  } else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
    fd.Close();
  }
}

// What is in the pipe now and no more: a process outside the tree may have been handed the other
// end, and write for ever.
void RunningCommand::ReadRest(UniqueFd& fd, CapturedOutput& output) {
  int left = 0;
  if (!fd.valid() || ioctl(fd.get(), FIONREAD, &left) != 0) return;
  for (ssize_t size = 0; left > 0; left -= static_cast<int>(size)) {
    size = read(fd.get(), buffer_.data(), std::min<size_t>(left, buffer_.size()));
    if (size <= 0) return;
    output.Add(absl::string_view(buffer_.data(), size));
  }
}

void RunningCommand::PassOnStop() {
  stop_fd_ = -1;
  const char stop = 1;
  send(channels_.control.get(), &stop, sizeof(stop), MSG_NOSIGNAL);
}

void RunningCommand::ReadReport() {
  GuardianReport report;
  const ssize_t size = recv(channels_.control.get(), &report, sizeof(report), MSG_DONTWAIT);
  if (size == sizeof(report)) {
    HandleReport(report);
  } else if (size == 0) {
    channels_.control.Close();
  }
  // ECONNRESET comes before the last reports if the guardian did not read the stop; then they
  // follow, and the end.
}

void RunningCommand::HandleReport(const GuardianReport& report) {
  switch (report.kind) {
    case GuardianReport::kStarted:
      pid_ = report.value;
      break;
    case GuardianReport::kNoGuardian:
      result_.status = absl::ErrnoToStatus(report.value, "cannot prepare a process");
      ended_ = true;
      break;
    case GuardianReport::kNoDirectory:
      result_.status = absl::ErrnoToStatus(
          report.value, absl::StrCat("cannot enter the working directory '",
                                     Printable(command_.working_directory), "'"));
      break;
    case GuardianReport::kNoProgram:
      result_.status = absl::ErrnoToStatus(
          report.value, absl::StrCat("cannot start '", Printable(command_.argv[0]), "'"));
      break;
    case GuardianReport::kStopped:
      result_.stopped = true;
      [[fallthrough]];
    case GuardianReport::kEnded:
      HandleEnd(report.value);
      break;
  }
}

void RunningCommand::HandleEnd(int wait_status) {
  ended_ = true;
  if (!result_.status.ok()) return;  // it did not start
  result_.duration = absl::FromChrono(std::chrono::steady_clock::now() - start_);
  if (WIFSIGNALED(wait_status)) {
    result_.signal = WTERMSIG(wait_status);
  } else {
    result_.exit_code = WEXITSTATUS(wait_status);
  }
}

void RunningCommand::HandleLostGuardian() {
  // The kernel has killed the command. Its group is the most that can be told from here.
  if (pid_ > 1) kill(-pid_, SIGKILL);
  result_.status = absl::InternalError(
      "the process that guards the command was killed; some of the command's processes may be "
      "left");
}

}  // namespace

void CapturedOutput::Add(absl::string_view text) {
  const size_t kept = std::min(text.size(), max_bytes_ - data_.size());
  data_.append(text.data(), kept);
  text.remove_prefix(kept);
  if (text.size() > kTailBytes) text.remove_prefix(text.size() - kTailBytes);
  tail_.append(text.data(), text.size());
  if (tail_.size() > 2 * kTailBytes) tail_.erase(0, tail_.size() - kTailBytes);
}

std::string CapturedOutput::LastLine() const {
  const size_t begin = data_.size() - std::min(data_.size(), kTailBytes);
  const std::string end = absl::StrCat(absl::string_view(data_).substr(begin), tail_);
  const absl::string_view text = absl::StripAsciiWhitespace(end);
  const size_t newline = text.rfind('\n');
  return std::string(newline == absl::string_view::npos ? text : text.substr(newline + 1));
}

CommandResult RunCommand(const Command& command, int stop_fd) {
  CommandResult result(command.max_output);
  absl::StatusOr<Channels> channels = OpenChannels(command.stdin_data);
  if (!channels.ok()) {
    result.status = channels.status();
    return result;
  }
  GuardianOrders orders;
  orders.programs = ProgramsToTry(command);
  orders.argv = Pointers(command.argv);
  orders.envp = Pointers(command.environment);
  if (!command.working_directory.empty()) {
    orders.working_directory = command.working_directory.c_str();
  }
  orders.kill_after_ms = absl::ToInt64Milliseconds(command.kill_after);
  orders.stdin_fd = channels->stdin_file.get();
  orders.stdout_fd = channels->out_writer.get();
  orders.stderr_fd = channels->err_writer.get();
  orders.control_fd = channels->guardian_control.get();
  const absl::StatusOr<pid_t> guardian = StartGuardian(orders);
  if (!guardian.ok()) {
    result.status = guardian.status();
    return result;
  }
  channels->stdin_file.Close();
  channels->out_writer.Close();
  channels->err_writer.Close();
  channels->guardian_control.Close();
  RunningCommand(command, *std::move(channels), stop_fd, result).WatchUntilGone();
  while (waitpid(*guardian, nullptr, 0) < 0 && errno == EINTR) {
  }
  return result;
}

}  // namespace tarea
