#include <cstdint>
#include <utility>

#include "bench/floors.h"
#include "bench/measure.h"
#include "bench/scenarios/scenarios.h"
#include "bench/setup.h"
#include "bench/whole.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

constexpr int kTasks = 256;
constexpr int64_t kMiB = int64_t{1} << 20;
// The master takes messages of 8 MiB.
constexpr int kPerCall = 4;

// MiB per second of both ways to write blocks, before and after what they are compared with.
struct Floor {
  double synced = 0;
  double together = 0;
};

absl::Status MeasureFloor(Floor& floor) {
  const TempDir dir;
  const absl::StatusOr<double> synced = WriteRate(dir.path(), kMiB, kTasks, /*sync_each=*/true);
  if (!synced.ok()) return synced.status();
  const absl::StatusOr<double> together = WriteRate(dir.path(), kMiB, kTasks, /*sync_each=*/false);
  if (!together.ok()) return together.status();
  floor.synced += *synced / kMiB / 2;
  floor.together += *together / kMiB / 2;
  return absl::OkStatus();
}

}  // namespace

absl::Status RunPayload(const ScenarioOptions& options, Findings& findings) {
  Floor floor;
  findings.Say("writing blocks of 1 MiB");
  if (absl::Status status = MeasureFloor(floor); !status.ok()) return status;
  Load load{.master = options.master, .tasks = MakeTasks(kTasks, "noop", kMiB), .attempts = kTasks};
  load.client = {.max_call_bytes = (kPerCall + 1) * kMiB, .max_call_tasks = kPerCall};
  const absl::StatusOr<Whole> whole = MeasureWhole(std::move(load), findings);
  if (!whole.ok()) return whole.status();
  findings.Say("writing blocks once more");
  if (absl::Status status = MeasureFloor(floor); !status.ok()) return status;

  findings.Add("1 MiB blocks, fdatasync after each", floor.synced, "MiB/s");
  findings.Add("1 MiB blocks, fdatasync at the end", floor.together, "MiB/s");
  findings.Add("submit, payloads of 1 MiB", whole->submit_rate(), "MiB/s");
  findings.Add("drain, payloads of 1 MiB", whole->drain_rate(), "MiB/s");
  findings.Add("submit / blocks, fdatasync after each", whole->submit_rate() / floor.synced, "x",
               AtLeast(0.6));
  findings.Add("submit / blocks, fdatasync at the end", whole->submit_rate() / floor.together, "x");
  return absl::OkStatus();
}

}  // namespace tarea
