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
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/logging.h"
#include "worker/handlers/guardian.h"
#include "worker/handlers/orders.h"
#include "worker/handlers/unique_fd.h"

namespace tarea {
namespace {

constexpr size_t kTailBytes = 4096;
constexpr size_t kReadBytes = 64 << 10;

// What execvp falls back to.
constexpr absl::string_view kDefaultPath = "/bin:/usr/bin";

std::vector<std::string> ProgramsToTry(const Command& command) {
  if (!command.program.empty()) return {command.program};
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

OrdersHeader MakeOrders(const Command& command, std::string& text) {
  const auto add = [&text](absl::string_view string) {
    text.append(string.data(), string.size());
    text.push_back('\0');
  };
  OrdersHeader header;
  for (const std::string& program : ProgramsToTry(command)) {
    add(program);
    ++header.programs;
  }
  if (!command.working_directory.empty()) {
    add(command.working_directory);
    header.directories = 1;
  }
  for (const std::string& argument : command.argv) add(argument);
  header.arguments = static_cast<uint32_t>(command.argv.size());
  for (const std::string& variable : command.environment) add(variable);
  header.variables = static_cast<uint32_t>(command.environment.size());
  header.kill_after_ms = absl::ToInt64Milliseconds(command.kill_after);
  header.limits = command.limits;
  header.user = command.user;
  return header;
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

struct Pipe {
  absl::Status Open() {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "cannot make a pipe");
    reader = UniqueFd(fds[0]);
    writer = UniqueFd(fds[1]);
    // Of the reading end only: commands do not expect a stdout that does not block.
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    return absl::OkStatus();
  }

  // Does not block: through /proc the command can read its own output away.
  UniqueFd reader;
  // Stays open here as long as the command runs, so that the end of the pipe wakes nobody.
  UniqueFd writer;
};

// The descriptors of one command. Each is closed on exec.
struct Channels {
  absl::Status Open(const Command& command);
  absl::Status GiveTo(const ProcessUser& user) const;
  OrdersFds ForOrders() const {
    return {out.writer.get(), err.writer.get(), progress.writer.get(), stdin_file.get()};
  }

  Pipe out;
  Pipe err;
  Pipe progress;        // only if somebody listens
  UniqueFd stdin_file;  // only if it is not empty
};

absl::Status Channels::Open(const Command& command) {
  absl::Status status = out.Open();
  if (status.ok()) status = err.Open();
  if (status.ok() && command.on_progress != nullptr) status = progress.Open();
  if (status.ok() && command.user.change) status = GiveTo(command.user);
  if (status.ok() && !command.stdin_data.empty()) {
    absl::StatusOr<UniqueFd> file = FileInMemory(command.stdin_data);
    if (!file.ok()) return file.status();
    stdin_file = *std::move(file);
  }
  return status;
}

// So that it can open its own output by name, as in "echo >/dev/stderr".
absl::Status Channels::GiveTo(const ProcessUser& user) const {
  for (const Pipe* pipe : {&out, &err, &progress}) {
    if (!pipe->writer.valid() || fchown(pipe->writer.get(), user.uid, user.gid) == 0) continue;
    return absl::ErrnoToStatus(errno, "cannot give a pipe to the command's user");
  }
  return absl::OkStatus();
}

// A guardian that has its orders.
absl::StatusOr<std::unique_ptr<GuardianProcess>> GiveOrders(GuardianPool& pool,
                                                            const Command& command,
                                                            const Channels& channels) {
  std::string text;
  const OrdersHeader orders = MakeOrders(command, text);
  // Idle ones may have been killed; only a new one has to be there.
  while (std::unique_ptr<GuardianProcess> guardian = pool.Take()) {
    if (SendOrders(guardian->control_fd(), orders, text, channels.ForOrders())) return guardian;
  }
  absl::StatusOr<std::unique_ptr<GuardianProcess>> guardian =
      GuardianProcess::Start(pool.isolated());
  if (!guardian.ok()) return guardian;
  // If it has failed already it says so, and why.
  const bool sent = SendOrders((*guardian)->control_fd(), orders, text, channels.ForOrders());
  if (!sent && errno != EPIPE && errno != ECONNRESET) {
    return absl::ErrnoToStatus(errno, "cannot say what is to be run");
  }
  return guardian;
}

// The worker's side of a command that runs.
class RunningCommand {
 public:
  RunningCommand(const Command& command, const Channels& channels, const GuardianProcess& guardian,
                 int stop_fd, CommandResult& result)
      : command_(command),
        channels_(channels),
        guardian_(guardian),
        stop_fd_(stop_fd),
        result_(result) {}

  // Returns when the command and all its processes have gone. False if the guardian has too.
  bool WatchUntilGone();

 private:
  void Read(const UniqueFd& fd, size_t most);
  void ReadRest(const UniqueFd& fd);
  void Take(int fd, absl::string_view piece);
  void PassOnStop();
  void ReadReport();
  void HandleReport(const GuardianReport& report);
  void HandleEnd(const GuardianReport& report);
  void HandleLostGuardian();

  const Command& command_;
  const Channels& channels_;
  const GuardianProcess& guardian_;
  int stop_fd_;  // -1 when it has been passed on
  CommandResult& result_;
  bool ended_ = false;
  bool guardian_lost_ = false;
  std::unique_ptr<char[]> buffer_;  // made when there is something to read
};

bool RunningCommand::WatchUntilGone() {
  while (!ended_) {
    pollfd fds[] = {{guardian_.control_fd(), POLLIN, 0},
                    {channels_.out.reader.get(), POLLIN, 0},
                    {channels_.err.reader.get(), POLLIN, 0},
                    {channels_.progress.reader.get(), POLLIN, 0},
                    {stop_fd_, POLLIN, 0}};
    if (poll(fds, std::size(fds), -1) < 0) continue;
    if (fds[4].revents != 0) PassOnStop();
    if (fds[1].revents != 0) Read(channels_.out.reader, kReadBytes);
    if (fds[2].revents != 0) Read(channels_.err.reader, kReadBytes);
    if (fds[3].revents != 0) Read(channels_.progress.reader, kReadBytes);
    if (fds[0].revents != 0) ReadReport();
  }
  ReadRest(channels_.out.reader);
  ReadRest(channels_.err.reader);
  ReadRest(channels_.progress.reader);
  return !guardian_lost_;
}

void RunningCommand::Read(const UniqueFd& fd, size_t most) {
  if (buffer_ == nullptr) buffer_ = std::make_unique_for_overwrite<char[]>(kReadBytes);
  const ssize_t size = read(fd.get(), buffer_.get(), std::min(most, kReadBytes));
  if (size > 0) Take(fd.get(), absl::string_view(buffer_.get(), size));
}

// What is in the pipe now and no more: a process outside the tree may have been handed the other
// end, and write for ever.
void RunningCommand::ReadRest(const UniqueFd& fd) {
  int left = 0;
  if (!fd.valid() || ioctl(fd.get(), FIONREAD, &left) != 0) return;
  // A full pipe is as large as the buffer, unless somebody has made it larger.
  for (; left > 0; left -= static_cast<int>(kReadBytes)) Read(fd, left);
}

void RunningCommand::Take(int fd, absl::string_view piece) {
  if (fd == channels_.progress.reader.get()) {
    command_.on_progress(piece);
    return;
  }
  const bool is_out = fd == channels_.out.reader.get();
  (is_out ? result_.out : result_.err).Add(piece);
  if (command_.on_output != nullptr) command_.on_output(is_out ? 1 : 2, piece);
}

void RunningCommand::PassOnStop() {
  stop_fd_ = -1;
  const char stop = 1;
  send(guardian_.control_fd(), &stop, sizeof(stop), MSG_NOSIGNAL);
}

void RunningCommand::ReadReport() {
  GuardianReport report;
  const ssize_t size = recv(guardian_.control_fd(), &report, sizeof(report), MSG_DONTWAIT);
  if (size == sizeof(report)) {
    HandleReport(report);
  } else if (size == 0) {
    HandleLostGuardian();
  }
  // ECONNRESET comes before the last reports if the guardian did not read all; then they follow,
  // and the end.
}

void RunningCommand::HandleReport(const GuardianReport& report) {
  ended_ = true;
  switch (report.kind) {
    case GuardianReport::kEnded:
    case GuardianReport::kStopped:
      HandleEnd(report);
      return;
    case GuardianReport::kNoDirectory:
      result_.status = absl::ErrnoToStatus(
          report.value, absl::StrCat("cannot enter the working directory '",
                                     Printable(command_.working_directory), "'"));
      return;
    case GuardianReport::kNoLimits:
      result_.status = absl::ErrnoToStatus(report.value, "cannot set the limits of the command");
      return;
    case GuardianReport::kNoUser:
      result_.status = absl::ErrnoToStatus(report.value, "cannot become the command's user");
      return;
    case GuardianReport::kNoProgram:
      result_.status = absl::ErrnoToStatus(
          report.value, absl::StrCat("cannot start '", Printable(command_.argv[0]), "'"));
      return;
    case GuardianReport::kNoGuardian:
      guardian_lost_ = true;
      [[fallthrough]];
    case GuardianReport::kNoProcess:
      result_.status = absl::ErrnoToStatus(report.value, "cannot prepare a process");
      return;
  }
}

void RunningCommand::HandleEnd(const GuardianReport& report) {
  result_.stopped = report.kind == GuardianReport::kStopped;
  result_.duration = absl::Nanoseconds(report.duration_ns);
  if (WIFSIGNALED(report.value)) {
    result_.signal = WTERMSIG(report.value);
  } else {
    result_.exit_code = WEXITSTATUS(report.value);
  }
}

void RunningCommand::HandleLostGuardian() {
  ended_ = true;
  guardian_lost_ = true;
  // The kernel has killed the command. Its group is the most that can be told from here.
  if (const pid_t group = guardian_.command(); group > 1) kill(-group, SIGKILL);
  result_.status = absl::InternalError(
      "the process that guards the command was killed; some of the command's processes may be "
      "left");
}

// `text` ends with a line that is not blank.
absl::string_view LastLineOf(absl::string_view text) {
  const size_t newline = text.rfind('\n');
  return newline == absl::string_view::npos ? text : text.substr(newline + 1);
}

// Also without the blank lines before it.
absl::string_view WithoutLastLine(absl::string_view text) {
  text.remove_suffix(LastLineOf(text).size());
  return absl::StripTrailingAsciiWhitespace(text);
}

// Many programs end with where to find help, after what went wrong: "Try 'ls --help' for more
// information."
bool IsHint(absl::string_view line) {
  line = absl::StripLeadingAsciiWhitespace(line);
  return (absl::StartsWithIgnoreCase(line, "try") && absl::StrContains(line, "help")) ||
         absl::StartsWithIgnoreCase(line, "usage:") ||
         absl::StartsWithIgnoreCase(line, "for more information");
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
  for (absl::string_view rest = text; !rest.empty(); rest = WithoutLastLine(rest)) {
    if (!IsHint(LastLineOf(rest))) return std::string(LastLineOf(rest));
  }
  return std::string(LastLineOf(text));
}

CommandResult RunCommand(GuardianPool& pool, const Command& command, int stop_fd) {
  CommandResult result(command.max_output);
  Channels channels;
  result.status = channels.Open(command);
  if (!result.status.ok()) return result;
  absl::StatusOr<std::unique_ptr<GuardianProcess>> guardian = GiveOrders(pool, command, channels);
  if (!guardian.ok()) {
    result.status = guardian.status();
    return result;
  }
  if (RunningCommand(command, channels, **guardian, stop_fd, result).WatchUntilGone()) {
    pool.Return(*std::move(guardian));
  }
  return result;
}

}  // namespace tarea
