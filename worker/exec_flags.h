#ifndef TAREA_WORKER_EXEC_FLAGS_H_
#define TAREA_WORKER_EXEC_FLAGS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/cli_fwd.h"
#include "worker/handlers/exec.h"

namespace tarea {

// The worker's flags --exec, --exec-*, --max-output and --kill-after.
struct ExecFlags {
  std::optional<std::string> exec;  // a truth, or paths
  std::string user;
  std::optional<absl::Duration> cpu_time;
  ExecOptions options;
};

// `flags` must outlive `app`.
void AddExecFlags(CLI::App& app, ExecFlags& flags);

// INVALID_ARGUMENT if among the words is "--exec=", for instance of a variable that is not set: to
// CLI11 it is --exec, which would allow all programs.
absl::Status CheckExecWords(int argc, const char* const* argv);

// What they say, for a worker of `masters`; nothing if it is to run no commands. INVALID_ARGUMENT,
// NOT_FOUND, PERMISSION_DENIED or FAILED_PRECONDITION: what cannot be had, with the way out.
absl::StatusOr<std::optional<ExecOptions>> MakeExecOptions(const ExecFlags& flags,
                                                           const std::vector<std::string>& masters);

}  // namespace tarea

#endif  // TAREA_WORKER_EXEC_FLAGS_H_
