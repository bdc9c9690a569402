#include "worker/handlers/exec.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/convert.h"
#include "common/logging.h"
#include "common/progress.h"
#include "worker/handlers/environment.h"
#include "worker/handlers/guardian_pool.h"
#include "worker/handlers/process.h"
#include "worker/handlers/progress_reader.h"
#include "worker/handlers/task_directories.h"
#include "worker/handlers/unique_fd.h"

namespace tarea {
namespace {

// Of commands that are another user's.
constexpr char kPathOfUsers[] = "/usr/local/bin:/usr/bin:/bin";
// Of the last line of stderr, in the error.
constexpr size_t kMaxErrorLine = 200;

// The system would cut the string there without a word.
absl::Status CheckNoNul(absl::string_view what, absl::string_view value) {
  const size_t at = value.find('\0');
  if (at == absl::string_view::npos) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(what, " '", Printable(value, 64),
                                                 "' has a NUL at byte ", at,
                                                 "; no process can be given one"));
}

absl::Status CheckLimits(const v1::ExecLimits& limits) {
  const std::pair<absl::string_view, double> values[] = {
      {"memory_bytes", static_cast<double>(limits.memory_bytes())},
      {"cpu_time", absl::ToDoubleSeconds(FromProto(limits.cpu_time()))},
      {"file_bytes", static_cast<double>(limits.file_bytes())}};
  for (const auto& [name, value] : values) {
    if (value >= 0) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("limits.", name, " is ", value, "; it must not be negative"));
  }
  return absl::OkStatus();
}

absl::Status Check(const v1::ExecPayload& payload) {
  if (payload.argv().empty()) {
    return absl::InvalidArgumentError("argv is empty; it must name a program");
  }
  if (payload.argv(0).empty()) {
    return absl::InvalidArgumentError("argv[0] is empty; it must name a program");
  }
  if (payload.fresh_directory() && !payload.working_directory().empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "it has both fresh_directory and working_directory, '",
        Printable(payload.working_directory(), 64), "'; a command runs in one of them"));
  }
  if (absl::Status status = CheckLimits(payload.limits()); !status.ok()) return status;
  absl::Status status = CheckNoNul("working_directory", payload.working_directory());
  for (int i = 0; i < payload.argv_size() && status.ok(); ++i) {
    status = CheckNoNul(absl::StrCat("argv[", i, "]"), payload.argv(i));
  }
  for (const auto& [name, value] : payload.env()) {
    if (!status.ok()) return status;
    if (name.empty()) return absl::InvalidArgumentError("env has a variable with an empty name");
    if (absl::StrContains(name, '=')) {
      return absl::InvalidArgumentError(
          absl::StrCat("env has a variable named '", Printable(name, 64),
                       "'; the name of a variable cannot have a '='"));
    }
    status = CheckNoNul("the name of the env variable", name);
    status.Update(CheckNoNul(absl::StrCat("env variable ", Printable(name, 64), ":"), value));
  }
  return status;
}

absl::StatusOr<v1::ExecPayload> Parse(const std::string& bytes) {
  v1::ExecPayload payload;
  if (!payload.ParseFromString(bytes)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the payload '", Printable(bytes, 64),
        "' is not a serialized ExecPayload (proto/tasks.proto), whose strings must be UTF-8"));
  }
  if (absl::Status status = Check(payload); !status.ok()) return status;
  return payload;
}

ProcessLimits LimitsOf(const v1::ExecLimits& limits, const ProcessLimits& caps) {
  // The system counts whole seconds.
  const absl::Duration cpu = absl::Ceil(FromProto(limits.cpu_time()), absl::Seconds(1));
  return Tighter({.memory_bytes = limits.memory_bytes(),
                  .cpu_seconds = absl::ToInt64Seconds(cpu),
                  .file_bytes = limits.file_bytes()},
                 caps);
}

// The program to run, as ChooseProgram says, if a task may have all that it asks for.
absl::StatusOr<std::string> ApplyPolicy(const ExecPolicy& policy, const v1::ExecPayload& payload) {
  for (const auto& [name, value] : payload.env()) {
    if (absl::Status status = CheckVariable(policy, name); !status.ok()) return status;
  }
  return ChooseProgram(policy, payload.argv(0));
}

ProcessUser UserOf(const ExecOptions& options) {
  return options.user.has_value() ? options.user->process : ProcessUser{};
}

// `directory` is the fresh one, if it asks for one.
Command MakeCommand(const v1::LeasedTask& task, const v1::ExecPayload& payload,
                    const std::string& directory, Environment environment,
                    const ExecOptions& options) {
  environment[kProgressVariable] = "3";
  for (const auto& [name, value] : payload.env()) environment[name] = value;
  environment["TAREA_TASK_ID"] = absl::StrCat(task.task_id());
  environment["TAREA_ATTEMPT"] = absl::StrCat(task.attempt());
  environment["TAREA_BATCH_ID"] = absl::StrCat(task.batch_id());
  if (payload.fresh_directory()) environment["TAREA_TASK_DIR"] = directory;
  Command command;
  command.argv.assign(payload.argv().begin(), payload.argv().end());
  command.environment.reserve(environment.size());
  for (const auto& [name, value] : environment) {
    command.environment.push_back(absl::StrCat(name, "=", value));
  }
  command.working_directory = payload.fresh_directory() ? directory : payload.working_directory();
  command.stdin_data = payload.stdin_data();
  command.limits = LimitsOf(payload.limits(), options.limits);
  command.user = UserOf(options);
  command.max_output = options.max_output;
  command.kill_after = options.kill_after;
  return command;
}

// Empties the outputs of `result`.
std::string Serialize(CommandResult& result) {
  v1::ExecResult message;
  message.set_exit_code(result.exit_code);
  message.set_signal(result.signal);
  message.set_stdout_truncated(result.out.truncated());
  message.set_stderr_truncated(result.err.truncated());
  message.set_stdout_data(result.out.TakeData());
  message.set_stderr_data(result.err.TakeData());
  *message.mutable_duration() = ToProto(result.duration);
  return message.SerializeAsString();
}

absl::Status StopStatus(StopCause reason, absl::Duration ran) {
  const std::string after =
      absl::StrCat("the command was stopped after ",
                   absl::FormatDuration(absl::Trunc(ran, absl::Milliseconds(1))));
  switch (reason) {
    case StopCause::kTimedOut:
      return absl::DeadlineExceededError(absl::StrCat(after, ": it ran out of time"));
    case StopCause::kLost:
      return absl::CancelledError(absl::StrCat(after, ": its lease was lost"));
    case StopCause::kDraining:
      return absl::CancelledError(absl::StrCat(after, ": the worker is draining"));
    case StopCause::kCancelled:
    case StopCause::kNone:
      break;
  }
  return absl::CancelledError(absl::StrCat(after, ": it was cancelled"));
}

// Which limit a signal tells of; empty if none.
std::string LimitBehind(int signal, const ProcessLimits& limits) {
  if (signal == SIGXCPU && limits.cpu_seconds > 0) {
    return absl::StrCat(" at its limit of ",
                        absl::FormatDuration(absl::Seconds(limits.cpu_seconds)),
                        " of processor time (limits.cpu_time, or the worker's --exec-cpu-time)");
  }
  if (signal == SIGXFSZ && limits.file_bytes > 0) {
    return absl::StrCat(" at its limit of ", limits.file_bytes,
                        " bytes for a file (limits.file_bytes, or the worker's --exec-file-size)");
  }
  return "";
}

// How the attempt ended.
absl::Status AttemptStatus(const CommandResult& result, const ProcessLimits& limits,
                           const TaskContext& context) {
  if (result.stopped) return StopStatus(context.stop_cause(), result.duration);
  // Longer than the system allows, for instance: no worker will start it.
  if (absl::IsInvalidArgument(result.status)) return NonRetryable(result.status);
  if (!result.status.ok() || result.exit_code == 0) return result.status;
  std::string message = absl::StrCat("exit code ", result.exit_code);
  if (result.signal != 0) {
    const char* name = sigabbrev_np(result.signal);
    message = absl::StrCat("killed by signal ", result.signal,
                           name == nullptr ? "" : absl::StrCat(" (SIG", name, ")"),
                           LimitBehind(result.signal, limits));
  }
  const std::string line = result.err.LastLine();
  if (!line.empty()) absl::StrAppend(&message, ": ", Printable(line, kMaxErrorLine));
  return absl::UnknownError(message);
}

// What all tasks of a handler share. Thread-safe.
class CommandHandler {
 public:
  explicit CommandHandler(const ExecOptions& options);

  absl::StatusOr<std::string> Process(const v1::LeasedTask& task, TaskContext& context);

 private:
  absl::StatusOr<std::string> Run(Command command, TaskContext& context);

  const ExecOptions options_;
  const Environment environment_;
  TaskDirectories directories_;
  GuardianPool guardians_;
};

Environment CommandEnvironment(const ExecOptions& options) {
  Environment environment = InheritedEnvironment(options.policy);
  if (options.user.has_value()) {
    environment["USER"] = environment["LOGNAME"] = options.user->name;
    environment["HOME"] = options.user->home;
    environment["SHELL"] = options.user->shell;
    // That of root may lead where this user may not go.
    environment["PATH"] = kPathOfUsers;
  }
  if (!options.master.empty()) environment["TAREA_MASTER"] = options.master;
  return environment;
}

std::string DirectoryOf(const ExecOptions& options) {
  if (!options.directory.empty()) return options.directory;
  const char* tmpdir = getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): before any thread
  return tmpdir != nullptr && *tmpdir != '\0' ? tmpdir : "/tmp";
}

CommandHandler::CommandHandler(const ExecOptions& options)
    : options_(options),
      environment_(CommandEnvironment(options)),
      directories_(DirectoryOf(options), UserOf(options)),
      guardians_(options.isolate) {}

absl::StatusOr<std::string> CommandHandler::Process(const v1::LeasedTask& task,
                                                    TaskContext& context) {
  const absl::StatusOr<v1::ExecPayload> payload = Parse(task.payload());
  if (!payload.ok()) return NonRetryable(payload.status());
  absl::StatusOr<std::string> program = ApplyPolicy(options_.policy, *payload);
  if (!program.ok()) return NonRetryable(program.status());
  if (context.stopped()) return StopStatus(context.stop_cause(), absl::ZeroDuration());
  std::string directory;
  if (payload->fresh_directory()) {
    absl::StatusOr<std::string> made = directories_.Make(task.task_id());
    if (!made.ok()) return made.status();
    directory = *std::move(made);
  }
  // RunCommand returns when nobody is left who could write there.
  const absl::Cleanup remove = [&directory] {
    if (!directory.empty()) RemoveTree(directory);
  };
  Command command = MakeCommand(task, *payload, directory, environment_, options_);
  command.program = *std::move(program);
  return Run(std::move(command), context);
}

absl::StatusOr<std::string> CommandHandler::Run(Command command, TaskContext& context) {
  const UniqueFd stop(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop.valid()) return absl::ErrnoToStatus(errno, "cannot make an eventfd");
  context.OnStop([fd = stop.get()] { eventfd_write(fd, 1); });
  const absl::Cleanup forget = [&context] { context.OnStop(nullptr); };

  command.on_output = [&context](int stream, absl::string_view piece) {
    context.AppendOutput(stream == 2 ? OutputStream::kStderr : OutputStream::kStdout, piece);
  };
  ProgressReader progress(&context);
  command.on_progress = [&progress](absl::string_view piece) { progress.Add(piece); };
  CommandResult result = RunCommand(guardians_, command, stop.get());
  absl::Status status = AttemptStatus(result, command.limits, context);
  std::string output = Serialize(result);
  if (status.ok()) return output;
  context.SetOutput(std::move(output));
  return status;
}

}  // namespace

Handler ExecHandler(const ExecOptions& options) {
  return [handler = std::make_shared<CommandHandler>(options)](const v1::LeasedTask& task,
                                                               TaskContext& context) {
    return handler->Process(task, context);
  };
}

}  // namespace tarea
