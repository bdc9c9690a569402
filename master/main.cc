#include <malloc.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdlib>
#include <iostream>

#include "absl/strings/match.h"
#include "common/exit_codes.h"
#include "common/flags.h"
#include "common/grpc_log.h"
#include "common/mutex_checks.h"
#include "common/secret_memory.h"
#include "master/maintenance.h"
#include "master/master.h"
#include "master/pki_commands.h"
#include "master/token_commands.h"

namespace {

constexpr char kFooter[] =
    R"(It ends with 0 on SIGTERM and SIGINT, and with 1 if it cannot start or the store fails; the log
says why.

Examples:
  master
  master --data-dir /var/lib/tarea --listen 127.0.0.1:50051
  master --store memory --listen unix:/run/tarea.sock
  master backup --data-dir /var/lib/tarea --to /backup/tarea.db)";

// glibc gives new threads arenas of their own, up to eight for each core, and each arena keeps what
// its threads once used at most. A master has many threads that each need much for a moment, so
// that adds up to several times what is in use: docs/reliability.md, "What the numbers are", has
// figures. Settings of glibc's own count more.
void LimitArenas() {
  constexpr int kArenas = 4;
  // No other thread runs yet.
  const char* const most = std::getenv("MALLOC_ARENA_MAX");    // NOLINT(concurrency-mt-unsafe)
  const char* const tunables = std::getenv("GLIBC_TUNABLES");  // NOLINT(concurrency-mt-unsafe)
  const bool is_set = most != nullptr || (tunables != nullptr &&
                                          absl::StrContains(tunables, "glibc.malloc.arena_max"));
  if (!is_set) mallopt(M_ARENA_MAX, kArenas);  // NOLINT(concurrency-mt-unsafe)
}

}  // namespace

int main(int argc, char** argv) {
  LimitArenas();
  tarea::SkipMutexChecks();
  CLI::App app("Keeps tasks durably and hands them to workers.", "master");
  app.footer(kFooter);
  tarea::MasterOptions options;
  tarea::AddMasterFlags(app, options);
  tarea::MaintenanceCommands maintenance(app);
  tarea::PkiCommands pki(app);
  tarea::TokenCommands tokens(app);
  tarea::ProgramFlags flags(app, std::cout, std::cerr);
  if (const std::optional<int> exit = flags.Parse(argc, argv)) return *exit;
  if (const std::optional<int> exit = maintenance.Run(options.data_dir, std::cout, std::cerr)) {
    return *exit;
  }
  const absl::Time today = tarea::CalendarTime();
  if (const std::optional<int> exit = pki.Run(today, std::cout, std::cerr)) return *exit;
  if (const std::optional<int> exit = tokens.Run(options.data_dir, today, std::cout, std::cerr)) {
    return *exit;
  }
  options.tls = tarea::FillIn(options.tls, "master");
  absl::Status status = tarea::InitLogging("master", options.log);
  if (status.ok()) status = tarea::CheckOptions(options);
  if (!status.ok()) return flags.Usage(status.message());

  if (tarea::UsesTls(options.tls) || options.tokens) tarea::KeepSecretsInMemory();
  tarea::RouteGrpcLog();

  // Before any thread is started, so that all have it and only sigwait gets these.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  std::atomic<bool> broken = false;
  absl::StatusOr<std::unique_ptr<tarea::Master>> master =
      tarea::Master::Start(options, [&broken](const absl::Status& why) {
        spdlog::critical("the store failed, the master ends: {}", why.ToString());
        broken = true;
        kill(getpid(), SIGTERM);
      });
  if (!master.ok()) {
    spdlog::critical("{}", std::string(master.status().message()));
    return tarea::kExitFailed;
  }
  int signal = 0;
  sigwait(&signals, &signal);
  if (!broken) spdlog::info("{}: shutting down", signal == SIGINT ? "SIGINT" : "SIGTERM");
  (*master)->Shutdown();
  spdlog::info("ended");
  return broken ? tarea::kExitFailed : tarea::kExitOk;
}
