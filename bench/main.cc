// Measures Tarea on the real binaries; see README.md beside it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/echo_server.h"
#include "bench/machine.h"
#include "bench/noop_worker.h"
#include "bench/report.h"
#include "bench/scenarios/scenarios.h"
#include "common/exit_codes.h"
#include "common/flags.h"
#include "common/logging.h"
#include "common/mutex_checks.h"
#include "common/version.h"
#include "tests/support/process.h"

namespace tarea {
namespace {

constexpr char kFooter[] =
    R"(Data goes to $TMPDIR or /tmp, which should be on the disk to measure. Figures that were taken on a
machine with other work are worth little; the ratios and the processor times suffer least.

Examples:
  tarea_bench run
  tarea_bench run throughput latency --rounds 3 --json figures.json)";

struct Flags {
  ScenarioOptions scenario;
  std::vector<std::string> scenarios;
  int rounds = 1;
  std::string json;
  std::string echo_address_file;
};

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const Scenario& scenario : kScenarios) names.emplace_back(scenario.name);
  return names;
}

CLI::App* AddRun(CLI::App& app, Flags& flags) {
  CLI::App* run = app.add_subcommand("run", "Run scenarios and print what they found out");
  std::string footer = "Scenarios:";
  for (const Scenario& scenario : kScenarios) {
    absl::StrAppend(&footer, "\n  ", scenario.name,
                    std::string(14 - std::string(scenario.name).size(), ' '), scenario.what);
  }
  run->footer(footer);
  run->add_option("SCENARIO", flags.scenarios, "Only these [all]")->check(CLI::IsMember(Names()));
  run->add_option("--rounds", flags.rounds, "How often; the table has the median")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  run->add_option("--json", flags.json, "Also write the figures to this file")->type_name("FILE");
  run->add_option("--master", flags.scenario.master, "The master's program [beside this one]")
      ->check(CLI::ExistingFile)
      ->type_name("FILE");
  run->add_option("--tasks", flags.scenario.tasks, "Tasks of throughput, mixed and tls")
      ->check(CLI::Range(1000, 1'000'000))
      ->capture_default_str();
  run->add_option("--backlog", flags.scenario.backlog, "Tasks that wait in backlog")
      ->check(CLI::Range(200'000, 90'000'000))
      ->capture_default_str();
  run->add_option("--idle-workers", flags.scenario.idle_workers, "Workers of idle-workers")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  return run;
}

// FAILED_PRECONDITION if the file cannot be written.
absl::Status WriteJson(const Flags& flags, const Report& report) {
  const nlohmann::json document = {{"version", std::string(Version())},
                                   {"build", TAREA_BUILD_TYPE},
                                   {"at", absl::FormatTime(absl::Now(), absl::UTCTimeZone())},
                                   {"machine", DescribeMachine()},
                                   {"master", flags.scenario.master},
                                   {"rounds", flags.rounds},
                                   {"figures", report.ToJson()}};
  std::ofstream file(flags.json, std::ios::trunc);
  file << document.dump(2) << "\n";
  file.close();
  if (file) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("cannot write to '", Printable(flags.json), "' (--json)"));
}

int Run(const Flags& flags) {
  for (const std::string& warning : WhatSpoilsFigures()) {
    std::cerr << "tarea_bench: warning: " << warning << "\n";
  }
  Report report;
  for (int round = 1; round <= flags.rounds; ++round) {
    if (flags.rounds > 1) std::cerr << "round " << round << " of " << flags.rounds << "\n";
    for (const Scenario& scenario : kScenarios) {
      const bool wanted =
          flags.scenarios.empty() ||
          std::count(flags.scenarios.begin(), flags.scenarios.end(), scenario.name) > 0;
      if (!wanted) continue;
      Findings findings(&report, scenario.name);
      if (absl::Status status = scenario.run(flags.scenario, findings); !status.ok()) {
        std::cerr << "tarea_bench: " << scenario.name << ": " << status.message() << "\n";
        return kExitFailed;
      }
    }
  }
  report.Print(std::cout);
  if (flags.json.empty()) return kExitOk;
  if (absl::Status status = WriteJson(flags, report); !status.ok()) {
    std::cerr << "tarea_bench: " << status.message() << "\n";
    return kExitFailed;
  }
  return kExitOk;
}

int Main(int argc, char** argv) {
  Flags flags;
  flags.scenario.master = BinPath("master");
  CLI::App app("Measures Tarea, and what the machine can do beside it.", "tarea_bench");
  app.footer(kFooter);
  app.require_subcommand(1);
  CLI::App* run = AddRun(app, flags);
  app.add_subcommand("worker", "Be a worker that does nothing; the flags are those of worker");
  CLI::App* echo = app.add_subcommand("echo-server", "Be the server of the bare echo");
  echo->add_option("FILE", flags.echo_address_file, "Where to write the address")->required();
  ProgramFlags program(app, std::cout, std::cerr);
  if (const std::optional<int> exit = program.Parse(argc, argv)) return *exit;
  return run->parsed() ? Run(flags) : EchoServerMain(flags.echo_address_file);
}

}  // namespace
}  // namespace tarea

int main(int argc, char** argv) {
  tarea::SkipMutexChecks();
  // A worker reads its command line itself.
  if (argc > 1 && std::string(argv[1]) == "worker") {
    return tarea::NoopWorkerMain(argc - 1, argv + 1);
  }
  return tarea::Main(argc, argv);
}
