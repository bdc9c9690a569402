// Runs Tarea's real programs under faults; see README.md beside it.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <iostream>
#include <optional>
#include <random>
#include <string>

#include "common/exit_codes.h"
#include "common/flags.h"
#include "common/logging.h"
#include "common/mutex_checks.h"
#include "tests/chaos/options.h"
#include "tests/chaos/run.h"
#include "tests/support/small_disk.h"

namespace tarea {
namespace {

constexpr char kFooter[] =
    R"(Ends with 0 if every promise was kept and enough has happened, with 1 otherwise: then history, logs
and data are kept, and it says how to run the same again.

Examples:
  tarea_chaos --duration 10m
  tarea_chaos --seed 7 --duration 10m --keep chaos-7
  tarea_chaos --soak --duration 45m)";

int Main(int argc, char** argv) {
  ChaosOptions options;
  std::optional<uint64_t> seed;
  CLI::App app("Runs master, workers and clients under faults, and checks what they saw.",
               "tarea_chaos");
  app.footer(kFooter);
  app.add_option("--seed", seed, "Of all chance in a run [a new one each time]")
      ->type_name("NUMBER");
  AddDuration(app, "--duration", options.duration, "How long faults come");
  AddDuration(app, "--settle", options.settle,
              "How long everything may take to finish after the last fault");
  AddDuration(app, "--lease", options.lease, "How long a worker has a task without a sign of life");
  app.add_flag(
      "--soak", options.soak,
      "Leave the master's process alive, forget what is finished, and look at whether "
      "memory, descriptors, threads and the database grow once a third of the time is over");
  app.add_option("--workers", options.workers, "Worker processes")
      ->check(CLI::Range(2, 100))
      ->capture_default_str();
  app.add_option("--clients", options.clients, "Clients beside the killed ones")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app.add_option("--keep", options.keep, "Write everything to this directory, and leave it there")
      ->type_name("DIR");
  ProgramFlags program(app, std::cout, std::cerr);
  if (const std::optional<int> exit = program.Parse(argc, argv)) return *exit;
  // Logs of what is called many times under faults are of no use to anybody.
  if (absl::Status status = InitLogging("tarea_chaos", {.level = "off"}); !status.ok()) {
    return program.Usage(status.message());
  }
  options.seed = seed.value_or(std::random_device()());

  // There is one thread yet.
  const absl::Status mount_namespace = EnterMountNamespace();
  return RunChaos(options, mount_namespace) ? kExitOk : kExitFailed;
}

}  // namespace
}  // namespace tarea

int main(int argc, char** argv) {
  tarea::SkipMutexChecks();
  return tarea::Main(argc, argv);
}
