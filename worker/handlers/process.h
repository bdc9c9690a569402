#ifndef TAREA_WORKER_HANDLERS_PROCESS_H_
#define TAREA_WORKER_HANDLERS_PROCESS_H_

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "worker/handlers/guardian_pool.h"
#include "worker/handlers/process_limits.h"
#include "worker/handlers/process_user.h"

namespace tarea {

// What a command wrote to one stream: the first bytes of it, and its last line.
class CapturedOutput {
 public:
  explicit CapturedOutput(size_t max_bytes) : max_bytes_(max_bytes) {}

  void Add(absl::string_view text);

  const std::string& data() const { return data_; }
  std::string TakeData() { return std::move(data_); }
  // More was written than is kept.
  bool truncated() const { return !tail_.empty(); }
  // The last line that is not blank, also of what is not kept; its end if it is very long. Where it
  // only says how to get help, as "Try: ls --help", the one before.
  std::string LastLine() const;

 private:
  const size_t max_bytes_;
  std::string data_;
  std::string tail_;  // the end of what is not kept
};

// A program to run. No string has a NUL.
struct Command {
  std::vector<std::string> argv;  // not empty
  // Path of the program. Empty: argv[0], and if that has no slash it is looked for in the PATH of
  // the environment.
  std::string program;
  // NAME=value.
  std::vector<std::string> environment;
  std::string working_directory;  // empty: that of the calling process
  absl::string_view stdin_data;
  ProcessLimits limits;
  ProcessUser user;
  // Of each stream; the rest is read and dropped.
  size_t max_output = 0;
  // Between SIGTERM and SIGKILL.
  absl::Duration kill_after;
  // Called on the thread of RunCommand with each piece of output as it is read, also of what is
  // dropped: 1 for stdout, 2 for stderr. Must not block. May be null.
  std::function<void(int stream, absl::string_view piece)> on_output;
  // The same for what it writes to its descriptor 3, which it has only if this is not null.
  std::function<void(absl::string_view piece)> on_progress;
};

struct CommandResult {
  explicit CommandResult(size_t max_output) : out(max_output), err(max_output) {}

  // OK if the command ran and ended, in whatever way. Otherwise it did not start, and the error
  // says why: NOT_FOUND, PERMISSION_DENIED, INVALID_ARGUMENT (arguments too long), and so on; or
  // INTERNAL: it was lost from sight.
  absl::Status status;
  // It was told to stop before it had ended.
  bool stopped = false;
  int exit_code = -1;  // -1 if a signal ended it
  int signal = 0;      // 0 if none did
  absl::Duration duration;
  CapturedOutput out;
  CapturedOutput err;
};

// Runs a command to its end, in a session of its own, without a shell, and with no descriptors but
// 0 to 2, and 3 if there is on_progress. Returns when it and all its descendants are gone, whatever
// they did to get away (guardian.h): SIGKILL ends those that outlive the command. As soon as
// `stop_fd` is readable the command and its descendants get SIGTERM, and SIGKILL if there are some
// left after kill_after. If the calling process dies they are killed.
//
// It is run by a guardian of `pool`, or by a new one which goes there afterwards. Its stdin is a
// file in memory, so a command that does not read it disturbs nobody. Blocks the calling thread.
// Thread-safe.
CommandResult RunCommand(GuardianPool& pool, const Command& command, int stop_fd);

}  // namespace tarea

#endif  // TAREA_WORKER_HANDLERS_PROCESS_H_
