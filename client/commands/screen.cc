#include "client/commands/screen.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cstring>

#include "absl/strings/string_view.h"

namespace tarea {
namespace {

// Another screen, without cursor, that does not begin a new line by itself.
constexpr char kEnter[] = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
constexpr char kLeave[] = "\x1b[?7h\x1b[?25h\x1b[?1049l";

// The others end the command first (client/main.cc).
constexpr int kEndingSignal = SIGQUIT;

// What the handler below needs, set before it is installed.
struct Saved {
  int fd = -1;
  int keys = -1;
  termios settings = {};
};
Saved saved;

void WriteAll(int fd, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

void Restore() {
  WriteAll(saved.fd, absl::string_view(kLeave, sizeof(kLeave) - 1));
  if (saved.keys >= 0) tcsetattr(saved.keys, TCSANOW, &saved.settings);
}

// Only what may be called in a handler of signals.
void RestoreAndEnd(int signal) {
  Restore();
  struct sigaction end = {};
  end.sa_handler = SIG_DFL;
  sigaction(signal, &end, nullptr);
  raise(signal);
}

void HandleSignal(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  sigaction(kEndingSignal, &action, nullptr);
}

// Keys one by one and not shown. Ctrl-C comes as one of them; Ctrl-Z and Ctrl-\ do nothing, since
// they would leave the terminal as it is now.
void ReadKeyByKey(int keys) {
  termios settings = saved.settings;
  settings.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
  settings.c_cc[VMIN] = 0;
  settings.c_cc[VTIME] = 0;
  tcsetattr(keys, TCSANOW, &settings);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Screen>> Screen::Open(int fd) {
  if (isatty(fd) != 1) return absl::FailedPreconditionError("the output is no terminal");
  // Not stdin, which may be something else.
  int keys = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);
  saved.fd = fd;
  if (keys >= 0 && tcgetattr(keys, &saved.settings) != 0) {
    close(keys);
    keys = -1;
  }
  saved.keys = keys;
  HandleSignal(RestoreAndEnd);
  if (keys >= 0) ReadKeyByKey(keys);
  WriteAll(fd, kEnter);
  return std::unique_ptr<Screen>(new Screen(fd, keys));
}

Screen::~Screen() {
  Restore();
  HandleSignal(SIG_DFL);
  if (keys_ >= 0) close(keys_);
}

Screen::Size Screen::size() const {
  winsize now = {};
  if (ioctl(fd_, TIOCGWINSZ, &now) != 0 || now.ws_col == 0 || now.ws_row == 0) return {};
  return {.columns = now.ws_col, .rows = now.ws_row};
}

void Screen::Draw(const std::vector<std::string>& lines) {
  // Over what is there, line by line: clearing it all first would flicker.
  std::string frame = "\x1b[H";
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) frame += "\r\n";
    frame += lines[i];
    frame += "\x1b[K";
  }
  frame += "\x1b[J";
  WriteAll(fd_, frame);
}

std::optional<char> Screen::ReadKey(absl::Duration timeout) {
  pollfd waiting = {.fd = keys_, .events = POLLIN, .revents = 0};
  const int ready = poll(&waiting, 1, static_cast<int>(absl::ToInt64Milliseconds(timeout)));
  char key = 0;
  if (ready > 0 && (waiting.revents & POLLIN) != 0 && read(keys_, &key, 1) == 1) return key;
  if (ready > 0) {
    // The terminal is gone, and would be ready for ever.
    close(keys_);
    keys_ = -1;
    saved.keys = -1;
  }
  return std::nullopt;
}

}  // namespace tarea
