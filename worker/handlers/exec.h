#ifndef TAREA_WORKER_HANDLERS_EXEC_H_
#define TAREA_WORKER_HANDLERS_EXEC_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "worker/handler.h"
#include "worker/handlers/exec_policy.h"
#include "worker/handlers/process_limits.h"
#include "worker/handlers/process_user.h"

namespace tarea {

struct ExecOptions {
  // As CheckPolicy wants it.
  ExecPolicy policy = {};
  // Whom commands run as; without one as this process does. Needs root's rights.
  std::optional<SystemUser> user = {};
  // Commands see no processes but those of the same slot. PrepareIsolation has said that it works
  // (isolation.h).
  bool isolate = false;
  // Bytes kept of each of stdout and stderr. A command that writes more is not slowed down; the
  // rest is dropped, and the result says so.
  size_t max_output = 1 << 20;
  // A command that is to stop gets SIGTERM, and after this time SIGKILL.
  absl::Duration kill_after = absl::Seconds(5);
  // What each process of any command may use at most; where a task has limits of its own, the
  // smaller counts.
  ProcessLimits limits = {};
  // Where directories for tasks that ask for one are made. Empty: $TMPDIR, or /tmp.
  std::string directory = {};
  // TAREA_MASTER for the command, so that a client in it talks to the same masters. Empty: none.
  std::string master = {};
};

// Runs commands: the payload is a serialized v1::ExecPayload, the result a v1::ExecResult, which is
// kept too if the attempt fails. This is remote execution by design; offer it only where those who
// may submit tasks may do all that the worker's user may.
//
// The command gets, of the environment of this process as it is when ExecHandler is called, what
// the policy passes on, with the names and home of its user and the TAREA_MASTER of the options;
// then what the payload adds; then TAREA_TASK_ID, TAREA_ATTEMPT and TAREA_BATCH_ID, and
// TAREA_TASK_DIR if it has a fresh directory. What it writes to its descriptor 3,
// TAREA_PROGRESS_FD, is its progress (common/progress.h). It runs without a shell, and all
// processes that it leaves behind are killed when it ends; when the task is to stop they get
// SIGTERM first. Then its fresh directory is removed.
//
//   exit code 0         OK
//   any other end       UNKNOWN "exit code 3: <last line of stderr>", or the signal's name, and
//                       the limit if that was the cause
//   it cannot start     NOT_FOUND, PERMISSION_DENIED or whatever kept it from starting
//   payload is wrong    INVALID_ARGUMENT, not to be tried again
//   policy forbids it   PERMISSION_DENIED, not to be tried again
//   stopped             DEADLINE_EXCEEDED if it ran out of time, else CANCELLED
Handler ExecHandler(const ExecOptions& options = {});

}  // namespace tarea

#endif  // TAREA_WORKER_HANDLERS_EXEC_H_
