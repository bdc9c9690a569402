#include <string>

#include "absl/strings/str_cat.h"
#include "bench/floors.h"
#include "bench/round_trip.h"
#include "bench/scenarios/scenarios.h"
#include "bench/setup.h"

namespace tarea {
namespace {

// All kinds take turns, so that a machine whose mood changes treats them alike.
constexpr int kTurns = 10;
constexpr int kPerTurn = 200;

struct Measured {
  Samples echoes;
  Samples syncs;
  Samples worker;
  Samples submitter;

  // Two calls, each with a sync: as little as a durable round trip can be.
  absl::Duration Floor() const { return 2 * echoes.Percentile(0.5) + 2 * syncs.Percentile(0.5); }
};

// Adds to `all` what could be measured.
absl::Status Keep(const absl::StatusOr<Samples>& samples, Samples& all) {
  if (!samples.ok()) return samples.status();
  all.Add(*samples);
  return absl::OkStatus();
}

absl::Status TakeTurn(const EchoServer& echo, Setup& setup, Measured& all) {
  absl::Status status = Keep(EchoLatency(echo.address(), kPerTurn), all.echoes);
  if (status.ok()) status = Keep(SyncLatency(setup.data_dir(), kPerTurn), all.syncs);
  if (status.ok()) status = Keep(RoundTripsToWorker(setup, kPerTurn), all.worker);
  if (status.ok()) status = Keep(RoundTripsToSubmitter(setup, kPerTurn), all.submitter);
  return status;
}

void Tell(const std::string& who, const Samples& samples, absl::Duration floor,
          Findings& findings) {
  const absl::Duration p50 = samples.Percentile(0.5);
  const absl::Duration p99 = samples.Percentile(0.99);
  findings.Add(absl::StrCat(who, " knows, p50"), absl::ToDoubleMilliseconds(p50), "ms");
  findings.Add(absl::StrCat(who, " knows, p99"), absl::ToDoubleMilliseconds(p99), "ms");
  findings.Add(absl::StrCat(who, " knows, p50 / floor"), absl::FDivDuration(p50, floor), "x",
               AtMost(1.3));
  findings.Add(absl::StrCat(who, " knows, p99 / floor"), absl::FDivDuration(p99, floor), "x",
               AtMost(2.6));
}

}  // namespace

absl::Status RunLatency(const ScenarioOptions& options, Findings& findings) {
  EchoServer echo;
  if (absl::Status status = echo.AwaitStart(); !status.ok()) return status;
  Setup setup(options.master);
  if (absl::Status status = setup.StartMaster(); !status.ok()) return status;
  if (absl::Status status = setup.StartWorkers(1); !status.ok()) return status;

  findings.Say(absl::StrCat(kTurns, " turns of ", kPerTurn, " echoes, syncs and round trips each"));
  Measured all;
  for (int i = 0; i < kTurns; ++i) {
    if (absl::Status status = TakeTurn(echo, setup, all); !status.ok()) return status;
  }
  const absl::Duration floor = all.Floor();
  findings.Add("bare echo, p50", absl::ToDoubleMicroseconds(all.echoes.Percentile(0.5)), "us");
  findings.Add("fdatasync of 4 KiB, p50", absl::ToDoubleMicroseconds(all.syncs.Percentile(0.5)),
               "us");
  findings.Add("floor: 2 echoes + 2 fdatasyncs", absl::ToDoubleMilliseconds(floor), "ms");
  Tell("worker", all.worker, floor, findings);
  Tell("submitter", all.submitter, floor, findings);
  return absl::OkStatus();
}

}  // namespace tarea
