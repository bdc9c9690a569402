#include "worker/handlers/exec_policy.h"

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/logging.h"
#include "worker/handlers/program_check.h"

namespace tarea {
namespace {

constexpr absl::string_view kShells[] = {"ash",  "bash",  "csh", "dash", "fish", "ksh",
                                         "mksh", "rbash", "sh",  "tcsh", "yash", "zsh"};

absl::string_view LastPart(absl::string_view path) { return path.substr(path.rfind('/') + 1); }

// A variable of --exec-env.
absl::Status CheckName(const std::string& variable) {
  if (variable.empty() || variable.find_first_of("= \t") != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("--exec-env names '", Printable(variable),
                     "', which is no name of a variable; its value is the worker's own"));
  }
  if (!absl::StartsWith(variable, "TAREA_")) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--exec-env names '", Printable(variable),
                   "', and no command gets the worker's own settings"));
}

absl::Status CheckListed(const std::string& program, const ProcessUser& user) {
  if (!absl::StartsWith(program, "/")) {
    return absl::InvalidArgumentError(
        absl::StrCat("--exec names '", Printable(program),
                     "', which is not an absolute path; give one, as in /usr/bin/convert"));
  }
  absl::Status status = CheckProgram(program, user);
  if (status.ok()) return status;
  return absl::InvalidArgumentError(absl::StrCat("--exec: ", status.message()));
}

}  // namespace

absl::Status CheckPolicy(const ExecPolicy& policy, const ProcessUser& user) {
  if (policy.programs.has_value() && policy.programs->empty()) {
    return absl::InvalidArgumentError("--exec names no program");
  }
  for (const std::string& program : policy.programs.value_or(std::vector<std::string>())) {
    if (absl::Status status = CheckListed(program, user); !status.ok()) return status;
  }
  for (const std::string& variable : policy.environment) {
    if (absl::Status status = CheckName(variable); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ChooseProgram(const ExecPolicy& policy, absl::string_view name) {
  if (!policy.programs.has_value()) {
    if (policy.shells || !absl::c_linear_search(kShells, LastPart(name))) return "";
    return absl::PermissionDeniedError(
        absl::StrCat("'", Printable(name, 64),
                     "' is a shell, and this worker runs none; start it with --exec-shell, or name "
                     "a program and its arguments"));
  }
  const bool is_path = absl::StrContains(name, '/');
  for (const std::string& program : *policy.programs) {
    if ((is_path ? absl::string_view(program) : LastPart(program)) == name) return program;
  }
  return absl::PermissionDeniedError(
      absl::StrCat("this worker does not run '", Printable(name, 64), "', only ",
                   Printable(absl::StrJoin(*policy.programs, ", "), 256), " (worker --exec)"));
}

bool PassesOn(const ExecPolicy& policy, absl::string_view variable) {
  if (absl::StartsWith(variable, "TAREA_")) return false;
  return absl::StartsWith(variable, "LC_") || absl::c_linear_search(kUsualVariables, variable) ||
         absl::c_linear_search(policy.environment, variable);
}

absl::Status CheckVariable(const ExecPolicy& policy, absl::string_view variable) {
  if (!policy.programs.has_value()) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("a task may not set the variable '", Printable(variable, 64),
                   "' for this worker, which runs certain programs only (worker --exec); give what "
                   "it says as an argument"));
}

}  // namespace tarea
