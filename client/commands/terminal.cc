#include "client/commands/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"

namespace tarea {
namespace {

constexpr int kUsualColumns = 80;

// Empty if it is not there.
absl::string_view Variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets any
  return value == nullptr ? "" : value;
}

int Columns(int fd) {
  int columns = 0;
  if (absl::SimpleAtoi(Variable("COLUMNS"), &columns) && columns > 0) return columns;
  winsize size = {};
  if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return kUsualColumns;
}

}  // namespace

Terminal TerminalOf(int fd) {
  if (isatty(fd) != 1) return {};
  return {.is_terminal = true,
          .columns = Columns(fd),
          .colours = Variable("NO_COLOR").empty() && Variable("TERM") != "dumb"};
}

}  // namespace tarea
