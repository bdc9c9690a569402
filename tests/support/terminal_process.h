#ifndef TAREA_TESTS_SUPPORT_TERMINAL_PROCESS_H_
#define TAREA_TESTS_SUPPORT_TERMINAL_PROCESS_H_

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/support/process.h"

namespace tarea {

struct TerminalOptions {
  int columns = 80;
  int rows = 24;
  // Added to the environment, or instead of what has that name there. Unless given, TERM is
  // "xterm", and NO_COLOR and COLUMNS are not there.
  std::map<std::string, std::string> environment = {};
};

// A program that a test runs in a terminal of its own: stdin, stdout and stderr are that terminal.
//
//     TerminalProcess top(BinPath("client"), {"top"}, {.columns = 40, .rows = 10});
//     ASSERT_TRUE(top.AwaitOutput("QUEUE")) << top.Output();
//     top.Send("q");
//     EXPECT_EQ(top.Wait(), ProcessEnd{});
//
// The destructor kills and reaps the process. Not thread-safe.
class TerminalProcess {
 public:
  TerminalProcess(const std::string& program, const std::vector<std::string>& arguments,
                  const TerminalOptions& options = {});
  ~TerminalProcess();
  TerminalProcess(const TerminalProcess&) = delete;
  TerminalProcess& operator=(const TerminalProcess&) = delete;

  // As if somebody typed it.
  void Send(absl::string_view keys);
  void Resize(int columns, int rows);
  void Kill(int signal);

  // All that it has written so far.
  const std::string& Output();
  // Waits until `condition` holds of the output. False if it does not within Process::kPatience, or
  // the process ended without.
  bool Await(absl::FunctionRef<bool(absl::string_view output)> condition);
  bool AwaitOutput(absl::string_view text);

  // Waits for the end. Nothing if it is still running after `timeout`.
  std::optional<ProcessEnd> Wait(absl::Duration timeout = Process::kPatience);

  // Whether the terminal shows what is typed and hands it over by lines, as a shell wants it.
  bool IsAsAShellWantsIt() const;

 private:
  int fd_ = -1;
  // The terminal's other end, so that it stays when the process has ended.
  int held_ = -1;
  pid_t pid_ = -1;
  std::string output_;
  std::optional<ProcessEnd> end_;
};

// What a terminal would do with `output`.
struct Shown {
  // Without escape sequences.
  std::vector<std::string> lines;
  // Columns of the widest of them.
  int widest = 0;
  bool has_colours = false;
  // Whatever acts on a terminal, or on how it shows the text, except new lines and colours.
  std::vector<std::string> actions;
};
Shown Show(absl::string_view output);

}  // namespace tarea

#endif  // TAREA_TESTS_SUPPORT_TERMINAL_PROCESS_H_
