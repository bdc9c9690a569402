#ifndef TAREA_WORKER_HANDLERS_EXEC_POLICY_H_
#define TAREA_WORKER_HANDLERS_EXEC_POLICY_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/handlers/process_user.h"

namespace tarea {

// What tasks may have a worker run.
struct ExecPolicy {
  // Absolute paths of the only programs; without it any. If there is a list, tasks may set no
  // variables either: with LD_PRELOAD any program does what a task likes.
  std::optional<std::vector<std::string>> programs = {};
  // Also programs that are shells by their names, which a list of programs allows by naming them.
  // This keeps a task from being put together as text for a shell by mistake; it is no wall, since
  // many programs can start others.
  bool shells = false;
  // Variables of the worker that commands get besides kUsualVariables and LC_*.
  std::vector<std::string> environment = {};
};

// Where programs are and whose files, language and time zone they use.
inline constexpr absl::string_view kUsualVariables[] = {
    "HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER"};

// INVALID_ARGUMENT: a list without programs, one without an absolute path, or that is not safe to
// run as `user` (program_check.h); a variable that commands never get from a worker.
absl::Status CheckPolicy(const ExecPolicy& policy, const ProcessUser& user);

// The path of the program that a task calls `name`: a path, or the last part of one that is
// allowed. Empty if any is, and the search for it is left to the system. PERMISSION_DENIED if a
// task may not have it.
absl::StatusOr<std::string> ChooseProgram(const ExecPolicy& policy, absl::string_view name);

// Whether commands get a variable of the worker's environment. Never TAREA_*: its own settings,
// among them maybe a token.
bool PassesOn(const ExecPolicy& policy, absl::string_view variable);

// PERMISSION_DENIED if a task may not set it.
absl::Status CheckVariable(const ExecPolicy& policy, absl::string_view variable);

}  // namespace tarea

#endif  // TAREA_WORKER_HANDLERS_EXEC_POLICY_H_
