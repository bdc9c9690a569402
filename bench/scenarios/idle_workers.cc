#include "bench/idle_workers.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/measure.h"
#include "bench/round_trip.h"
#include "bench/scenarios/scenarios.h"
#include "bench/setup.h"

namespace tarea {
namespace {

constexpr int kRoundTrips = 1000;
constexpr absl::Duration kIdleTime = absl::Seconds(5);
// Of workers that the master takes, beyond those that are idle.
constexpr int kOthers = 100;

absl::Status AwaitParked(Setup& setup, IdleWorkers& idle, int count) {
  return Await("the idle workers to connect", [&]() -> absl::StatusOr<bool> {
    if (absl::Status status = idle.status(); !status.ok()) return status;
    const absl::StatusOr<v1::GetStatsResponse> stats = setup.client().Stats();
    if (!stats.ok()) return stats.status();
    return stats->parked_polls() >= count;
  });
}

// Percent of one core that the master uses while nothing happens.
double IdleShare(const Setup& setup) {
  const absl::Duration cpu = setup.MasterCpu();
  const Stopwatch watch;
  absl::SleepFor(kIdleTime);
  return 100 * absl::FDivDuration(setup.MasterCpu() - cpu, watch.Elapsed());
}

}  // namespace

absl::Status RunIdleWorkers(const ScenarioOptions& options, Findings& findings) {
  Setup setup(options.master);
  absl::Status status =
      setup.StartMaster({"--max-workers", absl::StrCat(options.idle_workers + kOthers)});
  if (!status.ok()) return status;
  findings.Say(absl::StrCat(kRoundTrips, " round trips without them"));
  absl::StatusOr<Samples> without = RoundTripsToWorker(setup, kRoundTrips);
  if (!without.ok()) return without.status();

  findings.Say(absl::StrCat(WithCommas(options.idle_workers), " workers connect"));
  std::optional<IdleWorkers> idle(std::in_place, setup.address(), options.idle_workers);
  status = AwaitParked(setup, *idle, options.idle_workers);
  if (!status.ok()) return status;
  findings.Say(absl::StrCat("nothing happens for ", absl::FormatDuration(kIdleTime)));
  const double share = IdleShare(setup);
  findings.Say("round trips with them");
  const absl::StatusOr<Samples> with = RoundTripsToWorker(setup, kRoundTrips);
  if (!with.ok()) return with.status();
  if (absl::Status lost = idle->status(); !lost.ok()) return lost;
  const double resident = static_cast<double>(ResidentBytes(setup.master().pid()));
  idle.reset();

  findings.Say("round trips without them once more");
  const absl::StatusOr<Samples> after = RoundTripsToWorker(setup, kRoundTrips);
  if (!after.ok()) return after.status();
  without->Add(*after);

  findings.Add("round trip without, p50", absl::ToDoubleMilliseconds(without->Percentile(0.5)),
               "ms");
  findings.Add("round trip with, p50", absl::ToDoubleMilliseconds(with->Percentile(0.5)), "ms");
  findings.Add("round trip with / without",
               absl::FDivDuration(with->Percentile(0.5), without->Percentile(0.5)), "x",
               AtMost(1.25));
  findings.Add("master's CPU while all are idle", share, "%", AtMost(2));
  findings.Add("master's memory", resident / 1e6, "MB");
  return absl::OkStatus();
}

}  // namespace tarea
