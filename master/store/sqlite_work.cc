// What workers ask for: claim, complete, renew.

#include <algorithm>

#include "absl/strings/string_view.h"
#include "master/store/sqlite_writer.h"

namespace tarea {

// --- Claim
// ---------------------------------------------------------------------------------------------

std::vector<LeasedTask> SqliteWriter::Claim(absl::Time now, absl::Duration lease,
                                            const ClaimRequest& request) {
  Tick(now);
  ReadyMerge merge(ready_, now);
  for (const Lane* lane : FindLanes(request.queues, request.types)) {
    if (lane->counts[TaskState::kReady] == 0 || paused_.contains(lane->queue)) continue;
    merge.AddLane(lane->id, lane->queue);
  }
  int64_t left = request.max_tasks;
  const auto take = [&](int64_t tasks, absl::string_view queue) {
    const size_t before = merge.pieces().size();
    merge.Take(std::min(tasks, left), queue);
    for (size_t i = before; i < merge.pieces().size(); ++i) left -= merge.pieces()[i].size();
  };
  for (const QueueShare& share : request.shares) take(share.tasks, share.queue);
  take(left, "");
  if (merge.pieces().empty()) return {};

  ClaimAnswer answer;
  answer.tasks.reserve(static_cast<size_t>(request.max_tasks - left));
  running_.BeginClaim(request.worker, now, lease);
  // Neighbours are read in one go, also if they are of several runs.
  const std::vector<ReadyMerge::Piece>& pieces = merge.pieces();
  for (size_t i = 0; i < pieces.size() && answer.bytes < request.max_bytes;) {
    const bool fresh = merge.runs()[pieces[i].run].fresh;
    size_t end = i + 1;
    while (end < pieces.size() && pieces[end].first_id == pieces[end - 1].last_id + 1 &&
           merge.runs()[pieces[end].run].fresh == fresh) {
      ++end;
    }
    LeaseRange(pieces[i].first_id, pieces[end - 1].last_id, fresh, request, answer);
    i = end;
  }
  // Of each run the first ones have gone.
  std::vector<int64_t> taken(merge.runs().size());
  int64_t leased = static_cast<int64_t>(answer.tasks.size());
  for (const ReadyMerge::Piece& piece : pieces) {
    const int64_t part = std::min(piece.size(), leased);
    taken[piece.run] += part;
    leased -= part;
  }
  for (size_t i = 0; i < taken.size(); ++i) {
    if (taken[i] > 0) ready_.Take(merge.runs()[i], taken[i]);
  }
  return std::move(answer.tasks);
}

void SqliteWriter::LeaseRange(TaskId first, TaskId last, bool fresh, const ClaimRequest& request,
                              ClaimAnswer& answer) {
  Query query(connection_,
              fresh ? "SELECT " TAREA_FRESH_COLUMNS
                      ", t.payload, t.timeout FROM tasks t WHERE t.id BETWEEN ? AND ? ORDER BY t.id"
                    : "SELECT " TAREA_TASK_COLUMNS ", t.payload, t.timeout FROM " TAREA_TASK_TABLES
                      " WHERE t.id BETWEEN ? AND ? ORDER BY t.id",
              first, last);
  while (answer.bytes < request.max_bytes && query.Next()) {
    TaskRow row = fresh ? ReadFreshRow(query) : ReadTaskRow(query);
    const int column = fresh ? kFreshColumns : kTaskColumns;
    LeasedTask& task = answer.tasks.emplace_back();
    task.payload = query.Bytes(column);
    task.timeout = query.Duration(column + 1);
    answer.bytes += static_cast<int64_t>(task.payload.size());

    const TaskState from = row.core.state;
    if (row.core.attempt == 0 && row.core.start_by != absl::InfiniteFuture()) {
      Query(connection_, "UPDATE states SET flags = flags | ? WHERE id = ?", kFlagStarted,
            row.core.id)
          .Run();
    }
    running_.Start(row, lease_ids_.Next());
    CountMove(row, from);

    const Lane& lane = LaneById(row.lane_id);
    task.task_id = row.core.id;
    task.batch_id = row.core.batch_id;
    task.lease_id = row.core.lease_id;
    task.attempt = row.core.attempt;
    task.max_attempts = row.core.max_attempts;
    task.type = lane.type;
    task.queue = lane.queue;
    if (row.has_labels) task.labels = LoadLabels(connection_, row.core.id);
  }
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
  std::optional<TaskRow> row = Load(result.task_id);
  if (!row.has_value()) return ResultStatus::kUnknown;
  switch (JudgeResult(row->core, result)) {
    case ResultVerdict::kApply: {
      const Place from = PlaceOf(row->core);
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
  std::vector<TaskId> renewed;
  for (const Lease& held : leases) {
    if (!running_.Runs(held)) {
      stops.push_back({held.task_id, held.lease_id, StopReason::kLost});
      continue;
    }
    renewed.push_back(held.task_id);
    if (running_.IsCancelled(held.task_id)) {
      stops.push_back({held.task_id, held.lease_id, StopReason::kCancelled});
    }
  }
  running_.Renew(renewed, now + lease);
  return stops;
}

}  // namespace tarea
