#ifndef TAREA_WORKER_HANDLERS_PROGRAM_CHECK_H_
#define TAREA_WORKER_HANDLERS_PROGRAM_CHECK_H_

#include <string>

#include "absl/status/status.h"
#include "worker/handlers/process_user.h"

namespace tarea {

// Whether the program at an absolute path is what it will be when it is run as `user`:
// INVALID_ARGUMENT if it, a link on the way to it, or a directory on the way belongs to somebody
// who is neither root nor this process's user, or can be changed by everybody, and so decides what
// is run; or if it is no program that the user may run.
absl::Status CheckProgram(const std::string& path, const ProcessUser& user);

// Whether `user` may go through a directory and all those above it. INVALID_ARGUMENT if not.
absl::Status CheckReachable(const std::string& directory, const ProcessUser& user);

}  // namespace tarea

#endif  // TAREA_WORKER_HANDLERS_PROGRAM_CHECK_H_
