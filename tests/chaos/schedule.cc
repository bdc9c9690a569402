#include "tests/chaos/schedule.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/chaos/known.h"

namespace tarea {
namespace {

// Faults of which there is never more than one at a time.
struct Group {
  std::vector<FaultKind> kinds;
  int first = 0;  // milliseconds: when the first may come
  // Milliseconds between the end of one and the beginning of the next.
  int least_pause = 0;
  int most_pause = 0;
};

std::vector<Group> Groups(bool soak) {
  Group master{.kinds = {FaultKind::kKillMaster, FaultKind::kStopMaster, FaultKind::kRestartMaster,
                         FaultKind::kKillMaster, FaultKind::kFailWrite, FaultKind::kFailSync,
                         FaultKind::kKillBeforeSync, FaultKind::kKillAfterSync},
               .first = 2000,
               .least_pause = 500,
               .most_pause = 2500};
  // What a process uses is forgotten when it ends, so a soak leaves this one alive.
  if (soak) {
    master.kinds = {FaultKind::kStopMaster};
    master.most_pause = 20000;
  }
  return {master,
          {.kinds = {FaultKind::kFillDisk, FaultKind::kRefuseSpace},
           .first = 4000,
           .least_pause = 6000,
           .most_pause = 15000},
          {.kinds = {FaultKind::kKillWorker, FaultKind::kStopWorker, FaultKind::kRestartWorker},
           .first = 1000,
           .least_pause = 500,
           .most_pause = 3000},
          {.kinds = {FaultKind::kDelay, FaultKind::kBlackhole, FaultKind::kLoseToMaster,
                     FaultKind::kLoseFromMaster, FaultKind::kHalfOpen, FaultKind::kReset,
                     FaultKind::kSlow, FaultKind::kPartition},
           .first = 500,
           .least_pause = 200,
           .most_pause = 1500}};
}

absl::Duration Length(FaultKind kind, Random& random, absl::Duration lease) {
  switch (kind) {
    case FaultKind::kStopMaster:
      return absl::Milliseconds(Between(random, 200, 2500));
    case FaultKind::kStopWorker:
      return lease + absl::Milliseconds(Between(random, 300, 2000));
    case FaultKind::kFillDisk:
    case FaultKind::kRefuseSpace:
      return absl::Milliseconds(Between(random, 500, 3000));
    case FaultKind::kFailWrite:
    case FaultKind::kFailSync:
    case FaultKind::kKillBeforeSync:
    case FaultKind::kKillAfterSync:
      return absl::Milliseconds(3000);  // at most: until it has happened
    case FaultKind::kDelay:
    case FaultKind::kBlackhole:
    case FaultKind::kLoseToMaster:
    case FaultKind::kLoseFromMaster:
    case FaultKind::kSlow:
    case FaultKind::kPartition:
      return absl::Milliseconds(Between(random, 200, 3500));
    default:
      return absl::ZeroDuration();
  }
}

void Fill(const Group& group, const ChaosOptions& options, Random& random,
          std::vector<Fault>& faults) {
  absl::Duration at = absl::Milliseconds(group.first + Between(random, 0, group.most_pause));
  while (true) {
    std::vector<FaultKind> kinds = group.kinds;
    std::shuffle(kinds.begin(), kinds.end(), random);
    for (const FaultKind kind : kinds) {
      const Fault fault{.kind = kind,
                        .at = at,
                        .length = Length(kind, random, options.lease),
                        .target = Between(random, 0, 9999),
                        .count = Between(random, 1, 60)};
      if (at + fault.length >= options.duration) return;
      faults.push_back(fault);
      at += fault.length + absl::Milliseconds(Between(random, group.least_pause, group.most_pause));
    }
  }
}

}  // namespace

const char* Name(FaultKind kind) {
  switch (kind) {
    case FaultKind::kKillMaster:
      return "kill master";
    case FaultKind::kStopMaster:
      return "stop master";
    case FaultKind::kRestartMaster:
      return "restart master";
    case FaultKind::kFailWrite:
      return "EIO on a write";
    case FaultKind::kFailSync:
      return "EIO on a sync";
    case FaultKind::kKillBeforeSync:
      return "kill master before a sync";
    case FaultKind::kKillAfterSync:
      return "kill master after a sync";
    case FaultKind::kFillDisk:
      return "disk full";
    case FaultKind::kRefuseSpace:
      return "ENOSPC on each write";
    case FaultKind::kKillWorker:
      return "kill worker";
    case FaultKind::kStopWorker:
      return "stop worker";
    case FaultKind::kRestartWorker:
      return "restart worker";
    case FaultKind::kDelay:
      return "delay";
    case FaultKind::kBlackhole:
      return "blackhole";
    case FaultKind::kLoseToMaster:
      return "one-way loss to the master";
    case FaultKind::kLoseFromMaster:
      return "one-way loss from the master";
    case FaultKind::kHalfOpen:
      return "half-open";
    case FaultKind::kReset:
      return "reset";
    case FaultKind::kSlow:
      return "one byte a second";
    case FaultKind::kPartition:
      return "partition";
  }
  return "?";
}

std::string Fault::ToString() const {
  return absl::StrCat(absl::FormatDuration(at), " ", Name(kind), " for ",
                      absl::FormatDuration(length), ", target ", target, ", count ", count);
}

std::vector<Fault> MakeSchedule(const ChaosOptions& options) {
  std::vector<Fault> faults;
  uint64_t number = 0;
  for (const Group& group : Groups(options.soak)) {
    Random random(options.seed * 1'000'003 + ++number);
    Fill(group, options, random, faults);
  }
  std::stable_sort(faults.begin(), faults.end(),
                   [](const Fault& a, const Fault& b) { return a.at < b.at; });
  return faults;
}

}  // namespace tarea
