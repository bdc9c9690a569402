#include "worker/worker_main.h"

#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <iostream>
#include <optional>
#include <thread>

#include "common/credentials.h"
#include "common/exit_codes.h"
#include "common/flags.h"
#include "common/grpc_log.h"
#include "common/logging.h"
#include "common/mutex_checks.h"
#include "common/secret_memory.h"
#include "worker/exec_flags.h"
#include "worker/handlers/echo.h"
#include "worker/handlers/sleep.h"
#include "worker/queue_flag.h"
#include "worker/worker.h"

namespace tarea {
namespace {

constexpr char kFooter[] =
    R"(SIGTERM or SIGINT: takes no more tasks and lets those that run finish within --drain-timeout; a
second one gives them back at once. SIGUSR1: writes to the log what it is about. It ends with 1 if
the master refuses it, or a handler does not stop.

Examples:
  worker --slots 4 --exec
  worker --master 10.0.0.1:50051,10.0.0.2:50051 --queues video,default --name gpu1)";

struct Flags {
  WorkerOptions worker;
  CredentialOptions credentials = {.program = "worker", .tls = {}, .token_file = ""};
  std::optional<absl::Duration> idle_exit;
  ExecFlags exec;
  LogOptions log;
};

void AddFlags(CLI::App& app, Flags& flags) {
  WorkerOptions& options = flags.worker;
  AddMasters(app, options.masters, "Where the master is; several are tried in turn");
  app.add_option("--slots", options.slots, "Tasks at once; 0: one per core")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  AddCredentialFlags(app, flags.credentials);
  AddQueues(app, options);
  app.add_option("--types", options.types, "Only these of the types it can process [all]")
      ->delimiter(',')
      ->type_name("NAME,...");
  app.add_option("--name", options.name, "Shown in lists and logs [host and process id]");
  AddPairs(app, "--label", options.labels, "Shown where workers are listed; repeat it for more");
  AddExecFlags(app, flags.exec);
  app.add_option("--max-prefetch", options.max_prefetch, "Most tasks to fetch ahead")
      ->check(CLI::Range(0, 100'000))
      ->capture_default_str();
  app.add_option("--max-tasks", options.max_tasks,
                 "End after so many tasks were processed; 0: no limit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  AddDuration(app, "--idle-exit", flags.idle_exit,
              "End when there was nothing to do for so long [never]");
  AddDuration(app, "--drain-timeout", options.drain_timeout,
              "How long running tasks may take once the worker is to end");
  AddLogFlags(app, flags.log);
}

// Those that a worker listens to.
sigset_t Signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) sigaddset(&signals, signal);
  return signals;
}

// Runs the worker on another thread and has this one wait for signals.
absl::Status RunUntilSignal(Worker& worker) {
  absl::Status status;
  std::atomic<bool> ended = false;
  std::thread run([&] {
    status = worker.Run();
    ended = true;
    kill(getpid(), SIGTERM);
  });
  const sigset_t signals = Signals();
  for (bool first = true;;) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (ended) break;
    if (signal == SIGUSR1) {
      worker.LogStatus();
      continue;
    }
    spdlog::info(
        "{}: {}", signal == SIGINT ? "SIGINT" : "SIGTERM",
        first ? "draining; once more gives back at once what runs" : "giving back what runs");
    first = false;
    worker.Drain();
  }
  run.join();
  return status;
}

}  // namespace

int WorkerMain(int argc, char** argv, const std::map<std::string, Handler>& handlers,
               const WorkerExtras& extras) {
  SkipMutexChecks();
  Flags flags;
  CLI::App app("Takes tasks from a master and processes them.", "worker");
  app.footer(kFooter);
  AddFlags(app, flags);
  ProgramFlags program(app, std::cout, std::cerr);
  if (const std::optional<int> exit = program.Parse(argc, argv)) return *exit;
  if (absl::Status usage = CheckExecWords(argc, argv); !usage.ok()) {
    return program.Usage(usage.message());
  }
  if (absl::Status usage = InitLogging("worker", flags.log); !usage.ok()) {
    return program.Usage(usage.message());
  }
  if (flags.idle_exit.has_value()) flags.worker.idle_exit = *flags.idle_exit;
  RouteGrpcLog();

  // Before any thread is started, so that all have it and only sigwait gets these.
  const sigset_t signals = Signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  const absl::StatusOr<std::optional<ExecOptions>> exec =
      MakeExecOptions(flags.exec, flags.worker.masters);
  if (!exec.ok()) return program.Usage(exec.status().message());
  if (!exec->has_value() && !handlers.contains("exec") &&
      std::count(flags.worker.types.begin(), flags.worker.types.end(), "exec") > 0) {
    return program.Usage("--types names exec, which runs commands; allow it with --exec");
  }
  absl::StatusOr<Credentials> credentials =
      MakeCredentials(flags.credentials, flags.worker.masters, CalendarTime());
  if (!credentials.ok()) return program.Usage(credentials.status().message());
  if (credentials->AnySecret()) KeepSecretsInMemory();
  // Else commands could read there what they do not get.
  if (exec->has_value()) HideMemory();
  flags.worker.credentials = *std::move(credentials);
  Worker worker(flags.worker);
  worker.Handle("echo", Echo);
  worker.Handle("sleep", Sleep);
  if (exec->has_value()) worker.Handle("exec", ExecHandler(**exec));
  for (const auto& [type, handler] : handlers) worker.Handle(type, handler);
  for (const Middleware& middleware : extras.middleware) worker.Use(middleware);
  const absl::Status status = RunUntilSignal(worker);
  if (status.ok()) return kExitOk;
  spdlog::critical("{}", Printable(status.message(), 1024));
  if (absl::IsInvalidArgument(status)) return kExitUsage;
  // Handlers that do not stop still run; nothing that they use may be taken from under them.
  if (absl::IsDeadlineExceeded(status)) _exit(kExitFailed);
  return kExitFailed;
}

}  // namespace tarea
