#ifndef TAREA_TESTS_CHAOS_SCHEDULE_H_
#define TAREA_TESTS_CHAOS_SCHEDULE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/chaos/options.h"

namespace tarea {

enum class FaultKind {
  // The master.
  kKillMaster,
  kStopMaster,
  kRestartMaster,
  kFailWrite,       // EIO on the n-th write
  kFailSync,        // EIO on the n-th sync
  kKillBeforeSync,  // at the n-th sync
  kKillAfterSync,
  // Its disk.
  kFillDisk,     // a small disk that is full
  kRefuseSpace,  // ENOSPC for each write
  // Workers.
  kKillWorker,
  kStopWorker,  // past its lease
  kRestartWorker,
  // The network.
  kDelay,
  kBlackhole,
  kLoseToMaster,
  kLoseFromMaster,
  kHalfOpen,
  kReset,
  kSlow,       // one byte a second
  kPartition,  // several links at once
};

const char* Name(FaultKind kind);

struct Fault {
  FaultKind kind = FaultKind::kKillMaster;
  absl::Duration at;      // since the beginning
  absl::Duration length;  // of what lasts
  int target = 0;         // a number that picks a worker or a link
  int count = 0;          // the n of the n-th

  std::string ToString() const;
};

// The faults of a run, in order of time: a function of seed, duration and whether it is a soak.
// Every kind comes again and again, in an order of its own; those of one group never overlap.
std::vector<Fault> MakeSchedule(const ChaosOptions& options);

}  // namespace tarea

#endif  // TAREA_TESTS_CHAOS_SCHEDULE_H_
