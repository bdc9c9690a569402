// What workers ask for: claim, complete, renew.

#include <algorithm>
#include <deque>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "master/store/sqlite_writer.h"

namespace tarea {
namespace {

// -priority, ready_at, id, queue
using Candidate = std::tuple<int64_t, int64_t, TaskId, absl::string_view>;

// The same candidates, which are sorted, with those that fill the shares in front.
std::vector<Candidate> SharesFirst(const std::vector<QueueShare>& shares,
                                   const std::vector<Candidate>& candidates) {
  absl::flat_hash_map<absl::string_view, std::deque<size_t>> by_queue;
  for (size_t i = 0; i < candidates.size(); ++i) {
    by_queue[std::get<3>(candidates[i])].push_back(i);
  }
  std::vector<Candidate> ordered;
  ordered.reserve(candidates.size());
  std::vector<bool> placed(candidates.size());
  for (const QueueShare& share : shares) {
    std::deque<size_t>& left = by_queue[share.queue];
    for (int taken = 0; taken < share.tasks && !left.empty(); ++taken) {
      ordered.push_back(candidates[left.front()]);
      placed[left.front()] = true;
      left.pop_front();
    }
  }
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (!placed[i]) ordered.push_back(candidates[i]);
  }
  return ordered;
}

}  // namespace

// --- Claim
// ---------------------------------------------------------------------------------------------

std::vector<TaskId> SqliteWriter::ChooseReady(const std::vector<Lane*>& lanes, absl::Time now,
                                              const ClaimRequest& request) {
  // Each lane gives its first `max_tasks`; the first of all of them are the answer.
  std::vector<Candidate> candidates;
  for (const Lane* lane : lanes) {
    if (lane->counts[TaskState::kReady] == 0) continue;
    Query query(connection_,
                "SELECT -priority, ready_at, id FROM tasks WHERE lane_id = ? AND state = 3 "
                "AND (start_by IS NULL OR start_by > ? OR attempt > 0) "
                "ORDER BY priority DESC, ready_at, id LIMIT ?",
                lane->id, now, request.max_tasks);
    while (query.Next()) {
      candidates.emplace_back(query.Int(0), query.Int(1), query.Int(2), lane->queue);
    }
  }
  const size_t count = std::min(candidates.size(), static_cast<size_t>(request.max_tasks));
  if (request.shares.empty()) {
    std::partial_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(count),
                      candidates.end());
  } else {
    std::sort(candidates.begin(), candidates.end());
    candidates = SharesFirst(request.shares, candidates);
  }
  std::vector<TaskId> ids;
  ids.reserve(count);
  for (size_t i = 0; i < count; ++i) ids.push_back(std::get<2>(candidates[i]));
  return ids;
}

std::vector<LeasedTask> SqliteWriter::Claim(absl::Time now, absl::Duration lease,
                                            const ClaimRequest& request) {
  Tick(now);
  std::vector<Lane*> lanes = FindLanes(request.queues, request.types);
  std::erase_if(lanes, [this](const Lane* lane) { return paused_.contains(lane->queue); });

  std::vector<LeasedTask> leased;
  int64_t bytes = 0;
  for (const TaskId id : ChooseReady(lanes, now, request)) {
    TaskRow row;
    LeasedTask& task = leased.emplace_back();
    {
      Query query(connection_,
                  "SELECT " TAREA_TASK_COLUMNS
                  ", d.payload, d.timeout "
                  "FROM tasks t JOIN details d ON d.id = t.id WHERE t.id = ?",
                  id);
      query.Next();
      row = ReadTaskRow(query);
      task.payload = query.Bytes(kTaskColumns);
      task.timeout = query.Duration(kTaskColumns + 1);
    }
    const TaskState from = row.core.state;
    StartAttempt(row.core, now, lease, lease_ids_.Next(), request.worker);
    Query(connection_,
          "UPDATE tasks SET state = 4, flags = ?, attempt = ?, lease_id = ?, worker = ?, "
          "started_at = ?, lease_until = ? WHERE id = ?",
          FlagsOf(row), row.core.attempt, row.core.lease_id, row.core.worker, row.core.started_at,
          row.core.lease_until, id)
        .Run();
    CountMove(row, from);

    const Lane& lane = *lanes_by_id_[row.lane_id];
    task.task_id = id;
    task.batch_id = row.core.batch_id;
    task.lease_id = row.core.lease_id;
    task.attempt = row.core.attempt;
    task.max_attempts = row.core.max_attempts;
    task.type = lane.type;
    task.queue = lane.queue;
    if (row.has_labels) task.labels = LoadLabels(connection_, id);
    bytes += static_cast<int64_t>(task.payload.size());
    if (bytes >= request.max_bytes) break;
  }
  return leased;
}

// --- Complete
// ------------------------------------------------------------------------------------------

std::vector<ResultStatus> SqliteWriter::Complete(absl::Time now,
                                                 absl::Span<const TaskResult> results) {
  Tick(now);
  std::vector<ResultStatus> statuses;
  statuses.reserve(results.size());
  for (const TaskResult& result : results) statuses.push_back(CompleteOne(now, result));
  return statuses;
}

ResultStatus SqliteWriter::CompleteOne(absl::Time now, const TaskResult& result) {
  std::optional<TaskRow> row = LoadTaskRow(connection_, result.task_id);
  if (!row.has_value()) return ResultStatus::kUnknown;
  switch (JudgeResult(row->core, result)) {
    case ResultVerdict::kApply: {
      const TaskState from = row->core.state;
      const bool has_record = row->core.lease_lost;
      RetryPolicy policy;
      if (NeedsRetryPolicy(result)) policy = LoadRetryPolicy(connection_, result.task_id);
      AttemptEnd end = ApplyResult(row->core, policy, result, now);
      if (!has_record) end.erase = 0;
      SaveAttemptEnd(*row, from, end, result.result);
      return ResultStatus::kRecorded;
    }
    case ResultVerdict::kCompareResult: {
      if (result.outcome != ResultOutcome::kSucceeded) return ResultStatus::kStale;
      Query query(connection_, "SELECT result FROM outcomes WHERE task_id = ?", result.task_id);
      const std::string recorded = query.Next() ? query.Bytes(0) : std::string();
      return recorded == result.result ? ResultStatus::kRecorded : ResultStatus::kStale;
    }
    case ResultVerdict::kCompareAttempt:
      break;
  }
  for (const Attempt& attempt : LoadAttempts(connection_, result.task_id)) {
    if (attempt.lease_id != result.lease_id) continue;
    return IsRepeated(attempt, result) ? ResultStatus::kRecorded : ResultStatus::kStale;
  }
  return ResultStatus::kStale;
}

// --- Renew
// ---------------------------------------------------------------------------------------------

std::vector<Stop> SqliteWriter::Renew(absl::Time now, absl::Duration lease,
                                      absl::Span<const Lease> leases) {
  Tick(now);
  std::vector<Stop> stops;
  for (const Lease& held : leases) {
    const int renewed = Query(connection_,
                              "UPDATE tasks SET lease_until = max(lease_until, ?) "
                              "WHERE id = ? AND lease_id = ? AND state = 4",
                              now + lease, held.task_id, held.lease_id)
                            .Run();
    if (renewed == 0) {
      stops.push_back({held.task_id, held.lease_id, StopReason::kLost});
      continue;
    }
    Query query(connection_, "SELECT flags FROM tasks WHERE id = ?", held.task_id);
    if (query.Next() && (query.Int(0) & kFlagCancelRequested) != 0) {
      stops.push_back({held.task_id, held.lease_id, StopReason::kCancelled});
    }
  }
  return stops;
}

}  // namespace tarea
