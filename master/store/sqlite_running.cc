#include "master/store/sqlite_running.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "master/store/lifecycle.h"

namespace tarea {

// --- All of them, in memory
// -------------------------------------------------------------------------------------

void RunningTasks::Load() {
  running_.clear();
  claims_.clear();
  by_lease_.clear();
  changed_.clear();
  current_ = 0;
  Query query(connection_,
              "SELECT id, worker, started_at, lease_until, first_task, first_lease, tasks "
              "FROM claims");
  while (query.Next()) {
    const ClaimId id = query.Int(0);
    last_claim_ = std::max(last_claim_, id);
    Claim& claim = claims_[id];
    claim.worker = query.Bytes(1);
    claim.started_at = query.Time(2);
    claim.lease_until = query.Time(3);
    claim.stored = true;
    claim.change = Claim::Change::kNone;
    for (const IdPair& pair : DecodeIdPairs({query.Int(4), query.Int(5)}, query.Bytes(6))) {
      std::optional<TaskRow> row = LoadTaskRow(connection_, pair.task);
      // The others have succeeded, and may be forgotten already.
      if (!row.has_value() || row->core.state != TaskState::kReady) continue;
      StartAttempt(row->core, claim.started_at, claim.lease_until - claim.started_at, pair.number,
                   claim.worker);
      claim.tasks.push_back(pair);
      claim.running++;
      if (!running_.emplace(pair.task, Pack(*row, id)).second) {
        ThrowDamaged(absl::StrCat("task ", pair.task, " runs twice"));
      }
    }
    if (claim.running > 0) {
      by_lease_.emplace(claim.lease_until, id);
    } else {
      Touch(id, Claim::Change::kAll);
    }
  }
}

RunningTasks::Running RunningTasks::Pack(const TaskRow& row, ClaimId claim) {
  const TaskCore& task = row.core;
  return {.claim = claim,
          .lease_id = task.lease_id,
          .batch_id = task.batch_id,
          .lane_id = row.lane_id,
          .created_at = absl::ToUnixMicros(task.created_at),
          .ready_at = absl::ToUnixMicros(task.ready_at),
          .start_by = Micros(task.start_by),
          .priority = task.priority,
          .attempt = task.attempt,
          .max_attempts = task.max_attempts,
          .task_flags = static_cast<uint8_t>(TaskFlagsOf(row)),
          .state_flags = static_cast<uint8_t>(StateFlagsOf(task)),
          .fresh = row.fresh,
          .payload_bytes = row.payload_bytes};
}

std::optional<TaskRow> RunningTasks::Find(TaskId id) const {
  const auto it = running_.find(id);
  if (it == running_.end()) return std::nullopt;
  const Running& running = it->second;
  const Claim& claim = claims_.at(running.claim);
  TaskRow row;
  row.lane_id = running.lane_id;
  row.fresh = running.fresh;
  row.payload_bytes = running.payload_bytes;
  SetTaskFlags(running.task_flags, row);
  TaskCore& task = row.core;
  SetStateFlags(running.state_flags, task);
  task.id = id;
  task.batch_id = running.batch_id;
  task.state = TaskState::kRunning;
  task.priority = running.priority;
  task.attempt = running.attempt;
  task.max_attempts = running.max_attempts;
  task.lease_id = running.lease_id;
  task.created_at = absl::FromUnixMicros(running.created_at);
  task.ready_at = absl::FromUnixMicros(running.ready_at);
  if (running.start_by.has_value()) task.start_by = absl::FromUnixMicros(*running.start_by);
  task.started_at = claim.started_at;
  task.lease_until = claim.lease_until;
  task.worker = claim.worker;
  return row;
}

bool RunningTasks::Runs(const Lease& lease) const {
  const auto it = running_.find(lease.task_id);
  if (it == running_.end() || it->second.lease_id != lease.lease_id) return false;
  return lease.worker.empty() || lease.worker == claims_.at(it->second.claim).worker;
}

bool RunningTasks::IsCancelled(TaskId id) const {
  const auto it = running_.find(id);
  return it != running_.end() && (it->second.state_flags & kFlagCancelRequested) != 0;
}

void RunningTasks::SetDependents(TaskId id) {
  const auto it = running_.find(id);
  if (it != running_.end()) it->second.task_flags |= kFlagHasDependents;
}

void RunningTasks::SetCancelRequested(const TaskCore& task) {
  Running& running = running_.at(task.id);
  running.state_flags = static_cast<uint8_t>(StateFlagsOf(task));
  running.fresh = false;
}

RunningTasks::ClaimId RunningTasks::NewClaim(const std::string& worker, absl::Time started_at,
                                             absl::Time lease_until) {
  const ClaimId id = ++last_claim_;
  Claim& claim = claims_[id];
  claim.worker = worker;
  claim.started_at = started_at;
  claim.lease_until = lease_until;
  changed_.push_back(id);
  return id;
}

RunningTasks::Claim& RunningTasks::Touch(ClaimId id, Claim::Change change) {
  Claim& claim = claims_[id];
  if (claim.change == Claim::Change::kNone) changed_.push_back(id);
  claim.change = std::max(claim.change, change);
  return claim;
}

void RunningTasks::BeginClaim(const std::string& worker, absl::Time now, absl::Duration lease) {
  current_ = NewClaim(worker, now, now + lease);
}

void RunningTasks::Start(TaskRow& row, LeaseId lease_id) {
  Claim& claim = claims_[current_];
  StartAttempt(row.core, claim.started_at, claim.lease_until - claim.started_at, lease_id,
               claim.worker);
  claim.tasks.push_back({row.core.id, lease_id});
  if (claim.running++ == 0) by_lease_.emplace(claim.lease_until, current_);
  running_[row.core.id] = Pack(row, current_);
}

void RunningTasks::End(const TaskRow& row) {
  const auto it = running_.find(row.core.id);
  const ClaimId id = it->second.claim;
  running_.erase(it);
  Claim& claim = claims_[id];
  if (--claim.running == 0) {
    by_lease_.erase({claim.lease_until, id});
    Touch(id, Claim::Change::kAll);
  } else if (row.core.state != TaskState::kSucceeded) {
    // It may become READY again, and must not be taken for running then.
    Touch(id, Claim::Change::kAll);
  }
}

// --- Leases
// --------------------------------------------------------------------------------------------

void RunningTasks::SetLease(ClaimId id, absl::Time until) {
  Claim& claim = Touch(id, Claim::Change::kLease);
  by_lease_.erase({claim.lease_until, id});
  claim.lease_until = until;
  by_lease_.emplace(until, id);
}

void RunningTasks::Renew(absl::Span<const TaskId> ids, absl::Time until) {
  absl::flat_hash_map<ClaimId, std::vector<TaskId>> by_claim;
  for (const TaskId id : ids) by_claim[running_.at(id).claim].push_back(id);
  for (auto& [id, tasks] : by_claim) {
    const Claim& claim = claims_[id];
    if (claim.lease_until >= until) continue;
    std::sort(tasks.begin(), tasks.end());
    tasks.erase(std::unique(tasks.begin(), tasks.end()), tasks.end());
    const bool whole = static_cast<int64_t>(tasks.size()) == claim.running;
    SetLease(whole ? id : Split(id, tasks), until);
  }
}

RunningTasks::ClaimId RunningTasks::Split(ClaimId from, absl::Span<const TaskId> ids) {
  const Claim& old = Touch(from, Claim::Change::kAll);
  // Copied, since a new claim may move the old one.
  const ClaimId id = NewClaim(std::string(old.worker), old.started_at, old.lease_until);
  Claim& claim = claims_[id];
  for (const TaskId task : ids) {
    Running& running = running_.at(task);
    running.claim = id;
    claim.tasks.push_back({task, running.lease_id});
  }
  claim.running = static_cast<int64_t>(ids.size());
  claims_[from].running -= claim.running;
  by_lease_.emplace(claim.lease_until, id);
  return id;
}

void RunningTasks::ExtendAll(absl::Time until) {
  std::vector<ClaimId> shorter;
  for (const auto& [lease_until, id] : by_lease_) {
    if (lease_until >= until) break;
    shorter.push_back(id);
  }
  for (const ClaimId id : shorter) SetLease(id, until);
}

std::vector<TaskId> RunningTasks::Expired(absl::Time now, int64_t limit) const {
  std::vector<std::pair<absl::Time, TaskId>> expired;
  absl::Time last = absl::InfinitePast();
  for (const auto& [lease_until, id] : by_lease_) {
    // Those that ended at the same time may be in several claims.
    const bool enough = static_cast<int64_t>(expired.size()) >= limit && lease_until > last;
    if (lease_until > now || enough) break;
    last = lease_until;
    for (const IdPair& pair : claims_.at(id).tasks) {
      const auto it = running_.find(pair.task);
      if (it == running_.end() || it->second.claim != id) continue;
      expired.emplace_back(lease_until, pair.task);
    }
  }
  std::sort(expired.begin(), expired.end());
  std::vector<TaskId> ids;
  for (const auto& [lease_until, id] : expired) {
    if (static_cast<int64_t>(ids.size()) == limit) break;
    ids.push_back(id);
  }
  return ids;
}

// --- The table
// -----------------------------------------------------------------------------------------

void RunningTasks::Flush() {
  for (const ClaimId id : changed_) {
    const auto it = claims_.find(id);
    Claim& claim = it->second;
    if (claim.running > 0) {
      Write(id, claim);
      continue;
    }
    if (claim.stored) Query(connection_, "DELETE FROM claims WHERE id = ?", id).Run();
    claims_.erase(it);
  }
  changed_.clear();
  current_ = 0;
}

void RunningTasks::Write(ClaimId id, Claim& claim) {
  if (claim.change == Claim::Change::kLease) {
    Query(connection_, "UPDATE claims SET lease_until = ? WHERE id = ?", claim.lease_until, id)
        .Run();
  } else {
    std::erase_if(claim.tasks, [this, id](const IdPair& pair) {
      const auto running = running_.find(pair.task);
      return running == running_.end() || running->second.claim != id;
    });
    std::sort(claim.tasks.begin(), claim.tasks.end(),
              [](const IdPair& a, const IdPair& b) { return a.task < b.task; });
    const IdPair& first = claim.tasks.front();
    const std::string tasks = EncodeIdPairs(claim.tasks);
    Query(connection_, "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?, ?, ?, ?)", id,
          claim.worker, claim.started_at, claim.lease_until, first.task, first.number,
          claim.tasks.back().task, tasks)
        .Run();
  }
  claim.change = Claim::Change::kNone;
  claim.stored = true;
}

// --- A snapshot
// ----------------------------------------------------------------------------------------

void RunningView::Load(TaskId id) {
  // Whoever asks about one task reads one claim; whoever goes through many soon has all claims.
  low_ = id - std::min(id, window_);
  high_ = id + window_;
  window_ = std::min(window_ * 16 + 16, std::numeric_limits<TaskId>::max() / 64);
  claims_.clear();
  leases_.clear();
  Query query(connection_,
              "SELECT worker, started_at, lease_until, first_task, first_lease, tasks FROM claims "
              "WHERE first_task <= ? AND last_task >= ?",
              high_, low_);
  while (query.Next()) {
    claims_.push_back({query.Bytes(0), query.Time(1), query.Time(2)});
    for (const IdPair& pair : DecodeIdPairs({query.Int(3), query.Int(4)}, query.Bytes(5))) {
      leases_[pair.task] = {pair.number, claims_.size() - 1};
    }
  }
}

bool RunningView::Runs(TaskId id) {
  if (id < low_ || id > high_) Load(id);
  return leases_.contains(id);
}

void RunningView::Apply(TaskCore& task) {
  if (task.state != TaskState::kReady || !Runs(task.id)) return;
  const Lease& lease = leases_[task.id];
  const Claim& claim = claims_[lease.claim];
  StartAttempt(task, claim.started_at, claim.lease_until - claim.started_at, lease.id,
               claim.worker);
}

}  // namespace tarea
