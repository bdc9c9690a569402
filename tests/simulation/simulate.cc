// Runs simulated worlds, one for each seed, and says what happened in them.

#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "tests/simulation/world.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

using Faults = WorldOptions::Faults;
using Kind = SimulatedMaster::Kind;

const std::map<std::string, Kind> kStores = {{"memory", Kind::kMemory}, {"sqlite", Kind::kSqlite}};
const std::map<std::string, Durability> kDurabilities = {{"fsync", Durability::kFsync},
                                                         {"os", Durability::kOs}};
const std::map<std::string, Faults> kFaults = {{"none", Faults::kNone},
                                               {"power", Faults::kPower},
                                               {"outside", Faults::kOutside},
                                               {"all", Faults::kAll}};
constexpr int kBadSeedsToShow = 5;

constexpr char kFooter[] =
    R"(Exit codes: 0 no promise was broken, 1 one was (the seed is printed), 2 the command line is wrong.

Examples:
  tarea_simulate --store sqlite --seeds 1000
  tarea_simulate --store sqlite --first-seed 17 --seeds 1 --trace)";

struct Command {
  WorldOptions world;
  uint64_t first_seed = 1;
  uint64_t seeds = 100;
  std::string store = "memory";
  std::string durability = "fsync";
  std::string faults = "all";
  bool trace = false;
};

void Define(CLI::App& app, Command& command) {
  app.footer(kFooter);
  app.add_option("--first-seed", command.first_seed, "The seed of the first world");
  app.add_option("--seeds", command.seeds, "How many worlds, one for each seed from there");
  app.add_option("--store", command.store, "memory or sqlite")->check(CLI::IsMember(kStores));
  app.add_option("--durability", command.durability, "Of sqlite: fsync or os, which loses")
      ->check(CLI::IsMember(kDurabilities));
  app.add_option("--faults", command.faults,
                 "none, power (only that it fails), outside (none of the disk) or all")
      ->check(CLI::IsMember(kFaults));
  app.add_option("--events", command.world.events, "In each world until its faults stop")
      ->check(CLI::PositiveNumber);
  app.add_flag("--trace", command.trace, "Print a line for each event");
}

int RunAll(Command& command) {
  const TempDir dir;
  WorldOptions& options = command.world;
  options.data_dir = dir.path();
  options.store = kStores.at(command.store);
  options.durability = kDurabilities.at(command.durability);
  options.faults = kFaults.at(command.faults);
  if (command.trace) options.trace = &std::cout;
  std::map<std::string, int64_t> counts;
  int64_t events = 0;
  int bad = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (uint64_t i = 0; i < command.seeds && bad < kBadSeedsToShow; ++i) {
    options.seed = command.first_seed + i;
    const WorldReport report = World(options).Run();
    events += report.events;
    for (const auto& [what, times] : report.counts) counts[what] += times;
    if (report.violations.empty()) continue;
    ++bad;
    for (const std::string& violation : report.violations) std::cout << violation << "\n";
    std::cout << absl::StreamFormat(
        "The same again: tarea_simulate --store %s --durability %s --faults %s --events %d "
        "--first-seed %d --seeds 1 --trace\n",
        command.store, command.durability, command.faults, options.events, options.seed);
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  for (const auto& [what, times] : counts) std::cout << what << ": " << times << "\n";
  std::cout << absl::StreamFormat("%d events in %.1f s: %.0f a second\n", events, seconds,
                                  static_cast<double>(events) / seconds);
  std::cout << (bad == 0 ? "no promise was broken\n" : "PROMISES WERE BROKEN, see above\n");
  return bad == 0 ? 0 : 1;
}

}  // namespace
}  // namespace tarea

int main(int argc, char** argv) {
  tarea::Command command;
  CLI::App app("Runs Tarea's dispatcher and stores in a simulated world that fails.",
               "tarea_simulate");
  tarea::Define(app, command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  spdlog::set_level(spdlog::level::off);
  return tarea::RunAll(command);
}
