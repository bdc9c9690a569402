#include "tests/support/terminal_process.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace tarea {
namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(5);

std::vector<std::string> Environment(std::map<std::string, std::string> added) {
  added.insert({"TERM", "xterm"});
  std::vector<std::string> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const absl::string_view text = *variable;
    const std::string name(text.substr(0, text.find('=')));
    if (absl::StartsWith(name, "TAREA_") || name == "NO_COLOR" || name == "COLUMNS" ||
        added.count(name) > 0) {
      continue;
    }
    environment.emplace_back(text);
  }
  for (const auto& [name, value] : added) environment.push_back(absl::StrCat(name, "=", value));
  return environment;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

winsize SizeOf(int columns, int rows) {
  winsize size = {};
  size.ws_col = static_cast<uint16_t>(columns);
  size.ws_row = static_cast<uint16_t>(rows);
  return size;
}

// Length of the escape sequence at the front of `text`, which begins with ESC: ESC [ ... letter, or
// ESC and what follows it.
size_t SequenceLength(absl::string_view text) {
  if (text.size() < 2 || text[1] != '[') return std::min<size_t>(text.size(), 2);
  size_t i = 2;
  while (i < text.size() && (text[i] < '@' || text[i] > '~')) ++i;
  return std::min(i + 1, text.size());
}

}  // namespace

TerminalProcess::TerminalProcess(const std::string& program,
                                 const std::vector<std::string>& arguments,
                                 const TerminalOptions& options) {
  std::vector<std::string> argv = {program};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  std::vector<std::string> environment = Environment(options.environment);
  const std::vector<char*> argv_pointers = Pointers(argv);
  const std::vector<char*> environment_pointers = Pointers(environment);
  winsize size = SizeOf(options.columns, options.rows);
  char name[64] = {};
  pid_ = forkpty(&fd_, name, nullptr, &size);
  if (pid_ == 0) {
    // Only calls that are safe in a handler of signals.
    close_range(STDERR_FILENO + 1, ~0U, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, nullptr);
    signal(SIGINT, SIG_DFL);
    execvpe(argv_pointers[0], argv_pointers.data(), environment_pointers.data());
    _exit(127);
  }
  if (pid_ < 0) abort();
  held_ = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  fcntl(fd_, F_SETFD, FD_CLOEXEC);
  fcntl(fd_, F_SETFL, O_NONBLOCK);
}

TerminalProcess::~TerminalProcess() {
  if (!end_.has_value()) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close(held_);
  close(fd_);
}

void TerminalProcess::Send(absl::string_view keys) {
  if (write(fd_, keys.data(), keys.size()) != static_cast<ssize_t>(keys.size())) abort();
}

void TerminalProcess::Resize(int columns, int rows) {
  const winsize size = SizeOf(columns, rows);
  ioctl(fd_, TIOCSWINSZ, &size);
}

void TerminalProcess::Kill(int signal) {
  if (!end_.has_value()) kill(pid_, signal);
}

const std::string& TerminalProcess::Output() {
  char buffer[4096];
  for (ssize_t got = 0; (got = read(fd_, buffer, sizeof(buffer))) > 0;) {
    output_.append(buffer, static_cast<size_t>(got));
  }
  return output_;
}

bool TerminalProcess::Await(absl::FunctionRef<bool(absl::string_view output)> condition) {
  const absl::Time deadline = absl::Now() + Process::kPatience;
  while (absl::Now() < deadline) {
    const bool ended = Wait(absl::ZeroDuration()).has_value();
    if (condition(Output())) return true;
    if (ended) return false;
    absl::SleepFor(kPoll);
  }
  return false;
}

bool TerminalProcess::AwaitOutput(absl::string_view text) {
  return Await([&](absl::string_view output) { return absl::StrContains(output, text); });
}

std::optional<ProcessEnd> TerminalProcess::Wait(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (!end_.has_value()) {
    Output();  // or it would wait for room to write
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      end_ = WIFEXITED(status) ? ProcessEnd{.code = WEXITSTATUS(status)}
                               : ProcessEnd{.signal = WTERMSIG(status)};
    } else if (absl::Now() >= deadline) {
      break;
    } else {
      absl::SleepFor(kPoll);
    }
  }
  return end_;
}

bool TerminalProcess::IsAsAShellWantsIt() const {
  termios settings = {};
  constexpr tcflag_t kUsual = ICANON | ECHO | ISIG;
  return tcgetattr(held_, &settings) == 0 && (settings.c_lflag & kUsual) == kUsual;
}

Shown Show(absl::string_view output) {
  Shown shown;
  shown.lines.emplace_back();
  int column = 0;
  while (!output.empty()) {
    int32_t code = 0;
    const utf8proc_ssize_t decoded =
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(output.data()),
                         static_cast<utf8proc_ssize_t>(output.size()), &code);
    size_t length = decoded > 0 ? static_cast<size_t>(decoded) : 1;
    const utf8proc_category_t category =
        decoded > 0 ? utf8proc_category(code) : UTF8PROC_CATEGORY_CC;
    // The terminal adds a carriage return to each new line, whether there is one or not.
    if (absl::StartsWith(output, "\r\n") || absl::StartsWith(output, "\r\r\n")) {
      length = output.find('\n') + 1;
      shown.lines.emplace_back();
      column = 0;
    } else if (code == 0x1b) {
      length = SequenceLength(output);
      if (output[length - 1] == 'm') {
        shown.has_colours = true;
      } else {
        shown.actions.emplace_back(output.substr(0, length));
      }
    } else if (category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
               category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP) {
      shown.actions.emplace_back(output.substr(0, length));
    } else {
      absl::StrAppend(&shown.lines.back(), output.substr(0, length));
      column += utf8proc_charwidth(code);
      shown.widest = std::max(shown.widest, column);
    }
    output.remove_prefix(length);
  }
  return shown;
}

}  // namespace tarea
