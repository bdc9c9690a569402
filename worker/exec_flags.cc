#include "worker/exec_flags.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/address.h"
#include "common/flags.h"
#include "common/logging.h"
#include "worker/handlers/isolation.h"
#include "worker/handlers/program_check.h"

namespace tarea {
namespace {

absl::Status DoesNotGo(const std::string& exec, absl::string_view instead) {
  return absl::InvalidArgumentError(
      absl::StrCat("--exec-shell does not go with --exec=", Printable(exec), "; ", instead));
}

// Whether commands are to be run, and which.
absl::StatusOr<bool> ReadExec(const ExecFlags& flags, ExecPolicy& policy) {
  if (!flags.exec.has_value()) return policy.shells;
  const std::string& value = *flags.exec;
  bool truth = false;
  // To CLI11 "0rue" is 0 too.
  const bool is_word = value.find_first_of("0123456789/") == std::string::npos;
  if ((is_word || value == "0" || value == "1") && CLI::detail::lexical_cast(value, truth)) {
    if (!truth && policy.shells) return DoesNotGo(value, "leave out one of them");
    return truth;
  }
  if (value.empty()) {
    return absl::InvalidArgumentError(
        "--exec has an empty value; name programs, as in /usr/bin/convert, or say true or false");
  }
  policy.programs = absl::StrSplit(value, ',');
  if (policy.shells) return DoesNotGo(value, "name the shell there");
  return true;
}

absl::Status CheckRoot(const ExecFlags& flags, const std::vector<std::string>& masters) {
  if (geteuid() != 0 || !flags.user.empty()) return absl::OkStatus();
  const auto far = std::find_if_not(masters.begin(), masters.end(), IsLoopback);
  if (far == masters.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--exec would run as root what the master at ", Printable(*far),
                   " gives out; say who it is to run as with --exec-user (root, if you mean it)"));
}

absl::Status TakeUser(const std::string& name, ExecOptions& options) {
  absl::StatusOr<SystemUser> user = FindUser(name);
  if (!user.ok()) {
    return absl::Status(user.status().code(),
                        absl::StrCat("--exec-user: ", user.status().message()));
  }
  if (geteuid() != 0) {
    if (user->process.uid == geteuid()) return absl::OkStatus();
    return absl::PermissionDeniedError(
        absl::StrCat("--exec-user ", Printable(name),
                     ": only a worker that runs as root can run commands as "
                     "somebody else; start the worker itself as that user"));
  }
  options.user = *std::move(user);
  return absl::OkStatus();
}

absl::Status CheckDirectory(const std::string& directory, const ProcessUser& user) {
  absl::Status status = CheckReachable(directory, user);
  if (status.ok()) return status;
  return absl::InvalidArgumentError(absl::StrCat("--exec-dir: ", status.message()));
}

}  // namespace

absl::Status CheckExecWords(int argc, const char* const* argv) {
  if (std::find(argv, argv + argc, absl::string_view("--exec=")) == argv + argc) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "--exec= has no value; name programs after it, or leave the '=' out for any");
}

void AddExecFlags(CLI::App& app, ExecFlags& flags) {
  ExecOptions& options = flags.options;
  app.add_flag(
         "--exec", flags.exec,
         "Run commands (type exec): any, or only these programs. Whoever may submit tasks can "
         "run programs here")
      ->multi_option_policy(CLI::MultiOptionPolicy::Throw)
      ->type_name("[=PATH,...]");
  app.add_flag("--exec-shell", options.policy.shells,
               "Run any command, also shells, as in sh -c '...'; --exec alone runs none");
  app.add_option("--exec-user", flags.user, "Run commands as this user; needs root [the worker's]")
      ->type_name("NAME");
  app.add_option("--exec-env", options.policy.environment,
                 "Pass on these variables too, besides PATH, HOME, LANG and the like")
      ->delimiter(',')
      ->type_name("NAME,...");
  app.add_flag("--exec-isolate", options.isolate,
               "Commands see no processes but those of their own slot (a PID namespace)");
  app.add_option("--max-output", options.max_output,
                 "Bytes kept of what a command writes to stdout, and to stderr")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  AddDuration(app, "--kill-after", options.kill_after,
              "How long a command has between SIGTERM and SIGKILL");
  AddBytes(app, "--exec-memory", options.limits.memory_bytes,
           "Most address space of each process of a command [no limit]");
  AddDuration(app, "--exec-cpu-time", flags.cpu_time,
              "Most processor time of each process of a command [no limit]");
  AddBytes(app, "--exec-file-size", options.limits.file_bytes,
           "Most bytes of each file that a command writes [no limit]");
  app.add_option("--exec-dir", options.directory,
                 "Where commands that ask for a directory of their own get it [$TMPDIR or /tmp]")
      ->check(CLI::ExistingDirectory)
      ->type_name("DIR");
}

absl::StatusOr<std::optional<ExecOptions>> MakeExecOptions(
    const ExecFlags& flags, const std::vector<std::string>& masters) {
  ExecOptions options = flags.options;
  const absl::StatusOr<bool> wanted = ReadExec(flags, options.policy);
  if (!wanted.ok()) return wanted.status();
  if (!*wanted) return std::nullopt;
  absl::Status status = CheckRoot(flags, masters);
  if (status.ok() && !flags.user.empty()) status = TakeUser(flags.user, options);
  const ProcessUser user = options.user.has_value() ? options.user->process : ProcessUser{};
  if (status.ok()) status = CheckPolicy(options.policy, user);
  if (status.ok() && !options.directory.empty()) status = CheckDirectory(options.directory, user);
  if (status.ok() && options.isolate) status = PrepareIsolation(user.change);
  if (!status.ok()) return status;
  const absl::Duration cpu_time = flags.cpu_time.value_or(absl::ZeroDuration());
  options.limits.cpu_seconds = absl::ToInt64Seconds(absl::Ceil(cpu_time, absl::Seconds(1)));
  options.master = absl::StrJoin(masters, ",");
  return options;
}

}  // namespace tarea
