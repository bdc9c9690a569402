#include <string>

#include "absl/strings/str_cat.h"
#include "bench/floors.h"
#include "bench/round_trip.h"
#include "bench/scenarios/scenarios.h"
#include "bench/setup.h"

namespace tarea {
namespace {

constexpr int kTasks = 2000;

// Two calls, each with a sync: as little as a durable round trip can be.
struct Floor {
  Samples echoes;
  Samples syncs;

  absl::Duration RoundTrip() const {
    return 2 * echoes.Percentile(0.5) + 2 * syncs.Percentile(0.5);
  }
};

absl::Status MeasureFloor(const EchoServer& echo, const std::string& directory, Floor& floor) {
  const absl::StatusOr<Samples> echoes = EchoLatency(echo.address(), kTasks);
  if (!echoes.ok()) return echoes.status();
  const absl::StatusOr<Samples> syncs = SyncLatency(directory, kTasks);
  if (!syncs.ok()) return syncs.status();
  floor.echoes.Add(*echoes);
  floor.syncs.Add(*syncs);
  return absl::OkStatus();
}

void Tell(const std::string& who, const Samples& samples, const Floor& floor, Findings& findings) {
  const absl::Duration p50 = samples.Percentile(0.5);
  const absl::Duration p99 = samples.Percentile(0.99);
  findings.Add(absl::StrCat(who, " knows, p50"), absl::ToDoubleMilliseconds(p50), "ms");
  findings.Add(absl::StrCat(who, " knows, p99"), absl::ToDoubleMilliseconds(p99), "ms");
  findings.Add(absl::StrCat(who, " knows, p50 / floor"), absl::FDivDuration(p50, floor.RoundTrip()),
               "x", AtMost(1.3));
  findings.Add(absl::StrCat(who, " knows, p99 / floor"), absl::FDivDuration(p99, floor.RoundTrip()),
               "x", AtMost(2.6));
}

}  // namespace

absl::Status RunLatency(const ScenarioOptions& options, Findings& findings) {
  EchoServer echo;
  if (absl::Status status = echo.AwaitStart(); !status.ok()) return status;
  Setup setup(options.master);
  if (absl::Status status = setup.StartMaster(); !status.ok()) return status;
  if (absl::Status status = setup.StartWorkers(1); !status.ok()) return status;
  const std::string directory = setup.data_dir();

  Floor floor;
  findings.Say("echoes and syncs");
  if (absl::Status status = MeasureFloor(echo, directory, floor); !status.ok()) return status;
  findings.Say(absl::StrCat(kTasks, " round trips until the worker knows"));
  const absl::StatusOr<Samples> worker = RoundTripsToWorker(setup, kTasks);
  if (!worker.ok()) return worker.status();
  findings.Say(absl::StrCat(kTasks, " round trips until the submitter knows"));
  const absl::StatusOr<Samples> submitter = RoundTripsToSubmitter(setup, kTasks);
  if (!submitter.ok()) return submitter.status();
  findings.Say("echoes and syncs once more");
  if (absl::Status status = MeasureFloor(echo, directory, floor); !status.ok()) return status;

  findings.Add("bare echo, p50", absl::ToDoubleMicroseconds(floor.echoes.Percentile(0.5)), "us");
  findings.Add("fdatasync of 4 KiB, p50", absl::ToDoubleMicroseconds(floor.syncs.Percentile(0.5)),
               "us");
  findings.Add("floor: 2 echoes + 2 fdatasyncs", absl::ToDoubleMilliseconds(floor.RoundTrip()),
               "ms");
  Tell("worker", *worker, floor, findings);
  Tell("submitter", *submitter, floor, findings);
  return absl::OkStatus();
}

}  // namespace tarea
