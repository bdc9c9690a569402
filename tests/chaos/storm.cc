#include "tests/chaos/storm.h"

#include <signal.h>

#include "absl/strings/str_cat.h"

namespace tarea {
namespace {

// What the master says when its disk fails, and when it cannot start because it is full.
constexpr char kFailed[] = "disk I/O error";
constexpr char kFull[] = "make space there, or name another directory with --data-dir";
// How long it may take to end then.
constexpr absl::Duration kEndTime = absl::Seconds(20);

bool IsIo(FaultKind kind) {
  return kind == FaultKind::kFailWrite || kind == FaultKind::kFailSync ||
         kind == FaultKind::kKillBeforeSync || kind == FaultKind::kKillAfterSync;
}

std::atomic<int32_t>& CounterOf(IoControl& io, FaultKind kind) {
  switch (kind) {
    case FaultKind::kFailWrite:
      return io.fail_write;
    case FaultKind::kFailSync:
      return io.fail_sync;
    case FaultKind::kKillBeforeSync:
      return io.kill_before_sync;
    default:
      return io.kill_after_sync;
  }
}

LinkQuality QualityOf(const Fault& fault) {
  LinkQuality quality;
  switch (fault.kind) {
    case FaultKind::kDelay:
      quality.to_master.delay = quality.from_master.delay =
          absl::Milliseconds(5 + fault.target % 400);
      break;
    case FaultKind::kLoseToMaster:
      quality.to_master.blocked = true;
      break;
    case FaultKind::kLoseFromMaster:
      quality.from_master.blocked = true;
      break;
    case FaultKind::kSlow:
      quality.from_master.bytes_per_second = 1;
      break;
    default:
      quality.to_master.blocked = quality.from_master.blocked = true;
  }
  return quality;
}

}  // namespace

void Storm::Tick(absl::Duration elapsed) {
  for (size_t i = 0; i < active_.size();) {
    if (IsOver(active_[i], elapsed)) {
      const Active over = active_[i];
      active_.erase(active_.begin() + static_cast<std::ptrdiff_t>(i));
      IsIo(over.fault.kind) ? EndIo(over) : End(over.fault);
    } else {
      ++i;
    }
  }
  for (; next_ < schedule_.size() && schedule_[next_].at <= elapsed; ++next_) {
    Begin(schedule_[next_]);
  }
}

void Storm::Tell(const Fault& fault, const std::string& whom) const {
  victims_.journal->Fault(absl::StrCat(Name(fault.kind), ": ", whom));
}

// --- Beginning
// --------------------------------------------------------------------------------------------

void Storm::Begin(const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::kKillMaster:
      victims_.master->Kill(SIGKILL, Name(fault.kind));
      break;
    case FaultKind::kRestartMaster:
      victims_.master->Kill(SIGTERM, Name(fault.kind));
      break;
    case FaultKind::kStopMaster:
      victims_.master->Freeze(Name(fault.kind));
      break;
    case FaultKind::kKillWorker:
      Worker(fault).Kill(SIGKILL, Name(fault.kind));
      break;
    case FaultKind::kRestartWorker:
      Worker(fault).Kill(SIGTERM, Name(fault.kind));
      break;
    case FaultKind::kStopWorker:
      Worker(fault).Freeze(Name(fault.kind));
      break;
    case FaultKind::kFillDisk:
    case FaultKind::kRefuseSpace:
      BeginDisk(fault);
      break;
    case FaultKind::kFailWrite:
    case FaultKind::kFailSync:
    case FaultKind::kKillBeforeSync:
    case FaultKind::kKillAfterSync:
      return BeginIo(fault);
    default:
      BeginLink(fault);
  }
  if (fault.length > absl::ZeroDuration()) active_.push_back({.fault = fault});
}

void Storm::BeginDisk(const Fault& fault) {
  // A master that starts just now cannot, and says so.
  victims_.master->Allow(kFull);
  victims_.known->disk_full = true;
  if (fault.kind == FaultKind::kFillDisk && victims_.disk != nullptr) {
    if (absl::Status status = victims_.disk->Fill(); !status.ok()) {
      victims_.journal->Broken(absl::StrCat("the harness: ", status.ToString()));
    }
  } else {
    victims_.io->full = 1;
  }
  Tell(fault, "master");
}

void Storm::BeginIo(const Fault& fault) {
  if (fault.kind == FaultKind::kFailWrite || fault.kind == FaultKind::kFailSync) {
    victims_.master->Allow(kFailed);
  } else {
    victims_.master->AllowKill();
  }
  active_.push_back({.fault = fault, .carried_out = victims_.io->carried_out});
  CounterOf(*victims_.io, fault.kind) = fault.count;
}

void Storm::BeginLink(const Fault& fault) {
  const int link = fault.target % victims_.links;
  switch (fault.kind) {
    case FaultKind::kReset:
      victims_.proxy->Reset(link);
      break;
    case FaultKind::kHalfOpen:
      victims_.proxy->LeaveHalfOpen(link);
      break;
    default:
      SetQuality(fault, QualityOf(fault));
  }
  Tell(fault, absl::StrCat("link ", link));
}

void Storm::SetQuality(const Fault& fault, const LinkQuality& quality) {
  const int first = fault.target % victims_.links;
  const int links = fault.kind == FaultKind::kPartition ? (victims_.links + 1) / 2 : 1;
  for (int i = 0; i < links; ++i) {
    victims_.proxy->SetQuality((first + i) % victims_.links, quality);
  }
}

// --- Ending
// ------------------------------------------------------------------------------------------------

bool Storm::IsOver(Active& active, absl::Duration elapsed) const {
  if (IsIo(active.fault.kind)) return IoIsOver(active, elapsed);
  return elapsed >= active.fault.at + active.fault.length;
}

// Once it has happened, the master has to end.
bool Storm::IoIsOver(Active& active, absl::Duration elapsed) const {
  if (victims_.io->carried_out == active.carried_out) {
    if (elapsed < active.fault.at + active.fault.length) return false;
    CounterOf(*victims_.io, active.fault.kind) = 0;
    // It may have come to it just before.
    if (victims_.io->carried_out == active.carried_out) return true;
  }
  if (active.failed_at == absl::InfiniteDuration()) {
    active.failed_at = elapsed;
    active.starts = victims_.master->starts();
  }
  return victims_.master->starts() != active.starts || !victims_.master->running() ||
         elapsed >= active.failed_at + kEndTime;
}

void Storm::EndIo(const Active& active) {
  CounterOf(*victims_.io, active.fault.kind) = 0;
  victims_.master->Forbid(kFailed);
  victims_.master->ForbidKill();
  if (victims_.io->carried_out == active.carried_out) return;  // it wrote less than that
  Tell(active.fault, absl::StrCat("master, number ", active.fault.count));
  if (victims_.master->running() && victims_.master->starts() == active.starts) {
    victims_.journal->Broken(
        absl::StrCat("the master goes on after ", active.fault.ToString(), " has happened"));
  }
}

void Storm::End(const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::kStopMaster:
      victims_.master->Thaw();
      break;
    case FaultKind::kStopWorker:
      Worker(fault).Thaw();
      break;
    case FaultKind::kFillDisk:
    case FaultKind::kRefuseSpace:
      victims_.io->full = 0;
      if (victims_.disk != nullptr) victims_.disk->Free();
      victims_.known->disk_full = false;
      victims_.master->Forbid(kFull);
      break;
    default:
      SetQuality(fault, {});
  }
}

}  // namespace tarea
