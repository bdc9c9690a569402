#include "master/store/memory_transaction.h"

#include <algorithm>
#include <limits>
#include <queue>
#include <utility>

#include "absl/container/btree_set.h"
#include "absl/strings/str_cat.h"

namespace tarea {

MemoryTransaction::MemoryTransaction(MemoryState state, const StoreLimits& limits,
                                     LeaseIds& lease_ids, Publish publish)
    : state_(std::move(state)),
      limits_(limits),
      lease_ids_(lease_ids),
      publish_(std::move(publish)) {}

absl::Status MemoryTransaction::Commit() {
  publish_(std::move(state_));
  return absl::OkStatus();
}

// --- What goes with every change
// -------------------------------------------------------------------------

void MemoryTransaction::Tick(absl::Time now) { state_.last_time = std::max(state_.last_time, now); }

void MemoryTransaction::NoteDue(absl::Time at) {
  effects_.next_due = std::min(effects_.next_due, at);
}

void MemoryTransaction::Move(absl::Time now, MemoryTask task) {
  TaskCore& core = task.core;
  const MemoryTask* before = state_.Find(core.id);
  if (IsFinal(core.state) && (before == nullptr || !IsFinal(before->core.state))) {
    core.finish_seq = ++state_.last_finish;
    if (core.has_dependents) {
      state_.settling.Put(core.finish_seq, {core.id, core.state});
      NoteDue(absl::InfinitePast());
    }
  }
  effects_.batches.insert(core.batch_id);
  if (core.state == TaskState::kReady) effects_.ready[{task.spec->queue, task.spec->type}]++;
  if (core.state == TaskState::kScheduled) NoteDue(core.ready_at);
  if (core.state == TaskState::kRunning) NoteDue(core.lease_until);
  if (!IsFinal(core.state) && core.attempt == 0) NoteDue(core.start_by);
  const BatchId batch = core.batch_id;
  state_.Put(std::move(task));
  state_.SetIdle(batch, now);
}

void MemoryTransaction::EndAttempt(absl::Time now, MemoryTask task, const AttemptEnd& end,
                                   const std::string& result) {
  if (end.record.has_value()) task.attempts[end.record->number] = *end.record;
  task.attempts.erase(end.erase);
  const TaskState state = task.core.state;
  // What code 0 leaves in place, the reason of a cancel for instance, has no result yet.
  if (state == TaskState::kSucceeded || end.error.code != 0) {
    task.error = end.error;
    task.result.clear();
  }
  if (IsFinal(state) && !result.empty()) task.result = result;
  Move(now, std::move(task));
}

void MemoryTransaction::CancelWith(absl::Time now, MemoryTask task, const TaskError& error) {
  CancelTask(task.core, now);
  task.error = error;
  task.result.clear();
  Move(now, std::move(task));
}

void MemoryTransaction::Block(TaskCore& child, const std::vector<TaskId>& parents) {
  child.state = TaskState::kBlocked;
  child.blocked_on = static_cast<int>(parents.size());
  for (const TaskId id : parents) {
    state_.dependents.Insert({id, child.id});
    MemoryTask parent = *state_.Find(id);
    if (parent.core.has_dependents) continue;
    parent.core.has_dependents = true;
    state_.Put(std::move(parent));
  }
}

// --- Claim
// ---------------------------------------------------------------------------------------------

absl::StatusOr<std::vector<LeasedTask>> MemoryTransaction::Claim(absl::Time now,
                                                                 absl::Duration lease,
                                                                 const ClaimRequest& request) {
  Tick(now);
  std::vector<LeasedTask> leased;
  for (const QueueShare& share : request.shares) {
    const auto left = request.max_tasks - static_cast<int>(leased.size());
    TakeReady(now, lease, request, {share.queue}, std::min(share.tasks, left), leased);
  }
  TakeReady(now, lease, request, request.queues,
            request.max_tasks - static_cast<int>(leased.size()), leased);
  return leased;
}

void MemoryTransaction::TakeReady(absl::Time now, absl::Duration lease, const ClaimRequest& request,
                                  const std::vector<std::string>& queues, int max_tasks,
                                  std::vector<LeasedTask>& leased) {
  absl::btree_set<int64_t> lanes;
  for (const std::string& queue : queues) {
    if (state_.IsPaused(queue)) continue;
    for (const std::string& type : request.types) {
      if (const MemoryLane* lane = state_.lanes.Find({queue, type})) lanes.insert(lane->id);
    }
    if (!request.types.empty()) continue;
    state_.VisitLanes(queue, [&lanes](const MemoryState::LaneName&, const MemoryLane& lane) {
      lanes.insert(lane.id);
    });
  }

  // The head of each lane; the first of all heads is next.
  using Head = std::tuple<int64_t, absl::Time, TaskId, int64_t>;  // -priority, ready_at, id, lane
  std::priority_queue<Head, std::vector<Head>, std::greater<>> heads;
  const auto push_head = [this, &heads, now](MemoryState::ReadyKey after) {
    const int64_t lane = std::get<0>(after);
    const MemoryState::ReadyKey* key = state_.ready.After(after);
    while (key != nullptr && StartExpired(state_.Find(std::get<3>(*key))->core, now)) {
      key = state_.ready.After(*key);
    }
    if (key == nullptr || std::get<0>(*key) != lane) return;
    heads.emplace(std::get<1>(*key), std::get<2>(*key), std::get<3>(*key), lane);
  };
  for (const int64_t lane : lanes) {
    push_head({lane, std::numeric_limits<int64_t>::min(), absl::InfinitePast(), 0});
  }
  int64_t bytes = 0;
  for (const LeasedTask& task : leased) bytes += static_cast<int64_t>(task.payload.size());
  for (int taken = 0; taken < max_tasks && !heads.empty() && bytes < request.max_bytes; ++taken) {
    const auto [priority, ready_at, id, lane] = heads.top();
    heads.pop();
    leased.push_back(StartTask(now, lease, id, request.worker));
    bytes += static_cast<int64_t>(leased.back().payload.size());
    push_head({lane, priority, ready_at, id});
  }
}

LeasedTask MemoryTransaction::StartTask(absl::Time now, absl::Duration lease, TaskId id,
                                        const std::string& worker) {
  MemoryTask task = *state_.Find(id);
  StartAttempt(task.core, now, lease, lease_ids_.Next(), worker);
  LeasedTask leased;
  leased.task_id = id;
  leased.batch_id = task.core.batch_id;
  leased.lease_id = task.core.lease_id;
  leased.attempt = task.core.attempt;
  leased.max_attempts = task.core.max_attempts;
  leased.type = task.spec->type;
  leased.queue = task.spec->queue;
  leased.payload = task.spec->payload;
  leased.timeout = task.spec->timeout;
  leased.labels = task.spec->labels;
  Move(now, std::move(task));
  return leased;
}

// --- Complete and renew
// --------------------------------------------------------------------------------

absl::StatusOr<std::vector<ResultStatus>> MemoryTransaction::Complete(
    absl::Time now, absl::Span<const TaskResult> results) {
  Tick(now);
  std::vector<ResultStatus> statuses;
  statuses.reserve(results.size());
  for (const TaskResult& result : results) statuses.push_back(CompleteTask(now, result));
  return statuses;
}

ResultStatus MemoryTransaction::CompleteTask(absl::Time now, const TaskResult& result) {
  const MemoryTask* found = state_.Find(result.task_id);
  if (found == nullptr) return ResultStatus::kUnknown;
  bool recorded = false;
  switch (JudgeResult(found->core, result)) {
    case ResultVerdict::kApply: {
      MemoryTask task = *found;
      const AttemptEnd end = ApplyResult(task.core, task.spec->retry, result, now);
      EndAttempt(now, std::move(task), end, result.result);
      recorded = true;
      break;
    }
    case ResultVerdict::kCompareResult:
      recorded = result.outcome == ResultOutcome::kSucceeded && found->result == result.result;
      break;
    case ResultVerdict::kCompareAttempt:
      for (const auto& [number, attempt] : found->attempts) {
        if (attempt.lease_id == result.lease_id) recorded = IsRepeated(attempt, result);
      }
      break;
  }
  return recorded ? ResultStatus::kRecorded : ResultStatus::kStale;
}

absl::StatusOr<std::vector<Stop>> MemoryTransaction::Renew(absl::Time now, absl::Duration lease,
                                                           absl::Span<const Lease> leases) {
  Tick(now);
  std::vector<Stop> stops;
  for (const Lease& held : leases) {
    const MemoryTask* found = state_.Find(held.task_id);
    if (found == nullptr || found->core.state != TaskState::kRunning ||
        found->core.lease_id != held.lease_id || !IsOf(found->core, held.worker)) {
      stops.push_back({held.task_id, held.lease_id, StopReason::kLost});
      continue;
    }
    MemoryTask task = *found;
    if (task.core.cancel_requested) {
      stops.push_back({held.task_id, held.lease_id, StopReason::kCancelled});
    }
    task.core.lease_until = std::max(task.core.lease_until, now + lease);
    state_.Put(std::move(task));
  }
  return stops;
}

absl::Status MemoryTransaction::ExtendLeases(absl::Time until) {
  for (const MemoryState::TimeKey* first = state_.leased.First();
       first != nullptr && first->first < until; first = state_.leased.First()) {
    MemoryTask task = *state_.Find(first->second);
    task.core.lease_until = until;
    state_.Put(std::move(task));
  }
  NoteDue(until);
  return absl::OkStatus();
}

// --- Time
// ----------------------------------------------------------------------------------------------

absl::StatusOr<AdvanceAnswer> MemoryTransaction::Advance(absl::Time now, int64_t limit) {
  Tick(now);
  AdvanceAnswer answer;
  answer.expired_leases = ExpireLeases(now, limit, answer.lost_workers);
  answer.promoted = PromoteScheduled(now, limit);
  answer.expired_tasks = ExpireStarts(now, limit);
  answer.settled = SettleParents(now, limit);
  answer.more = answer.expired_leases == limit || answer.promoted == limit ||
                answer.expired_tasks == limit || answer.settled == limit;
  return answer;
}

// In the next three, each change takes the first task off its index.

int64_t MemoryTransaction::ExpireLeases(absl::Time now, int64_t limit,
                                        absl::btree_set<std::string>& lost_workers) {
  int64_t count = 0;
  for (; count < limit; ++count) {
    const MemoryState::TimeKey* first = state_.leased.First();
    if (first == nullptr || first->first > now) break;
    MemoryTask task = *state_.Find(first->second);
    lost_workers.insert(task.core.worker);
    const AttemptEnd end = LoseLease(task.core, now);
    EndAttempt(now, std::move(task), end, "");
  }
  return count;
}

int64_t MemoryTransaction::PromoteScheduled(absl::Time now, int64_t limit) {
  int64_t count = 0;
  for (; count < limit; ++count) {
    const MemoryState::TimeKey* first = state_.scheduled.First();
    if (first == nullptr || first->first > now) break;
    MemoryTask task = *state_.Find(first->second);
    Promote(task.core);
    Move(now, std::move(task));
  }
  return count;
}

int64_t MemoryTransaction::ExpireStarts(absl::Time now, int64_t limit) {
  int64_t count = 0;
  for (; count < limit; ++count) {
    const MemoryState::TimeKey* first = state_.start_by.First();
    if (first == nullptr || first->first > now) break;
    const MemoryTask& task = *state_.Find(first->second);
    CancelWith(now, task, StartExpiredError(task.spec->expires_in));
  }
  return count;
}

int64_t MemoryTransaction::SettleParents(absl::Time now, int64_t limit) {
  int64_t told = 0;
  while (told < limit) {
    const auto* first = state_.settling.First();
    if (first == nullptr) break;
    const auto [finish_seq, parent] = *first;
    while (told < limit) {
      const std::pair<TaskId, TaskId>* edge = state_.dependents.AtLeast({parent.id, 0});
      if (edge == nullptr || edge->first != parent.id) break;
      SettleChild(now, edge->second, parent);
      told++;
    }
    // At the limit there may be more to tell: it stays, and the next call finds out.
    if (told < limit) state_.settling.Erase(finish_seq);
  }
  return told;
}

void MemoryTransaction::SettleChild(absl::Time now, TaskId child, const MemoryParent& parent) {
  state_.dependents.Erase({parent.id, child});
  const MemoryTask* found = state_.Find(child);
  if (found == nullptr || found->core.state != TaskState::kBlocked) return;
  MemoryTask task = *found;
  if (JudgeParent(parent.state, task.core.run_on_parent_failure) == ParentVerdict::kCancel) {
    CancelWith(now, std::move(task), ParentError(parent.id, parent.state));
  } else if (--task.core.blocked_on == 0) {
    Unblock(task.core, now);
    Move(now, std::move(task));
  } else {
    state_.Put(std::move(task));
  }
}

}  // namespace tarea
