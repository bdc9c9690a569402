#include "client/commands/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"

namespace tarea {
namespace {

// Empty if it is not there.
absl::string_view Variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets any
  return value == nullptr ? "" : value;
}

}  // namespace

Terminal DescribeTerminal(int fd) {
  Terminal terminal;
  terminal.is_terminal = isatty(fd) == 1 && Variable("TERM") != "dumb";
  int columns = 0;
  const bool told = absl::SimpleAtoi(Variable("COLUMNS"), &columns) && columns > 0;
  terminal.columns = told ? columns : TerminalColumns(fd, terminal.columns);
  terminal.colours = terminal.is_terminal && Variable("NO_COLOR").empty();
  return terminal;
}

int TerminalColumns(int fd, int otherwise) {
  winsize size = {};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : otherwise;
}

}  // namespace tarea
