#ifndef TAREA_TESTS_SUPPORT_PROCESS_H_
#define TAREA_TESTS_SUPPORT_PROCESS_H_

#include <sys/types.h>

#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/support/temp_dir.h"

namespace tarea {

// How a process ended: by itself with an exit code, or by a signal. The other one is 0.
struct ProcessEnd {
  int code = 0;
  int signal = 0;

  bool operator==(const ProcessEnd&) const = default;
};

// "exit code 1", "signal 9".
std::string ToString(const ProcessEnd& end);
std::ostream& operator<<(std::ostream& out, const ProcessEnd& end);

struct ProcessOptions {
  // Added to the environment, or instead of what has that name there.
  std::map<std::string, std::string> environment = {};
  // What the process reads from stdin.
  std::string input = {};
  // Empty means the test's own.
  std::string working_directory = {};
};

// A program that a test runs.
//
//     Process master(BinPath("master"), {"--listen", "127.0.0.1:0"});
//     ASSERT_TRUE(master.AwaitLog("listening on")) << master.Log();
//     master.Kill(SIGTERM);
//     EXPECT_EQ(master.Wait(), ProcessEnd{});
//
// Nothing outlives a test: the destructor kills and reaps the process, and the kernel kills it if
// the thread that started it ends first. So start it from the thread that the test runs in, or from
// one that lives as long.
//
// The environment is the test's, without its TAREA_ variables, and with a TAREA_CONFIG that keeps
// it from reading a user's configuration file. Of open files the process gets only stdin, stdout
// and stderr. Not thread-safe, except for the const methods.
class Process {
 public:
  // Long enough for a machine under heavy load; a test that passes never waits for all of it.
  static constexpr absl::Duration kPatience = absl::Seconds(60);

  // Starts `program`, which is looked for in PATH if it has no slash. One that cannot be run ends
  // with exit code 127 and says why in its log.
  Process(const std::string& program, const std::vector<std::string>& arguments,
          const ProcessOptions& options = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }

  // Sends a signal; nothing if Wait has seen the end already.
  void Kill(int signal);

  // Waits for the end. Nothing if it is still running after `timeout`.
  std::optional<ProcessEnd> Wait(absl::Duration timeout = kPatience);

  // What it wrote so far to stdout and to stderr.
  std::string Output() const;
  std::string Log() const;

  // Waits until its log holds `text`. False if it ended without, or after `timeout`.
  bool AwaitLog(absl::string_view text, absl::Duration timeout = kPatience);

 private:
  TempDir files_;
  pid_t pid_ = -1;
  std::optional<ProcessEnd> end_;
};

// The path of one of our binaries: "master", "worker", "client".
std::string BinPath(const std::string& name);

// The content of a file; empty if there is none.
std::string ReadFile(const std::string& path);

// Makes or replaces a file.
void WriteFile(const std::string& path, absl::string_view content);

}  // namespace tarea

#endif  // TAREA_TESTS_SUPPORT_PROCESS_H_
