// What workers ask for: claim, complete, renew.

#include <algorithm>
#include <deque>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "master/store/sqlite_writer.h"

namespace tarea {

// --- Claim
// ---------------------------------------------------------------------------------------------

// Those that fill the shares, then the others; each in the order they were in.
std::vector<SqliteWriter::Candidate> SqliteWriter::SharesFirst(
    const std::vector<QueueShare>& shares, const std::vector<Candidate>& candidates) {
  absl::flat_hash_map<absl::string_view, std::deque<size_t>> by_queue;
  for (size_t i = 0; i < candidates.size(); ++i) {
    by_queue[candidates[i].lane->queue].push_back(i);
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

std::vector<SqliteWriter::Candidate> SqliteWriter::ChooseReady(const std::vector<Lane*>& lanes,
                                                               absl::Time now,
                                                               const ClaimRequest& request,
                                                               std::vector<ReadyRun>& runs) {
  // Each lane gives its first `max_tasks`; the first of all of them are the answer.
  std::vector<Candidate> candidates;
  for (const Lane* lane : lanes) {
    if (lane->counts[TaskState::kReady] == 0) continue;
    int64_t wanted = request.max_tasks;
    for (const ReadyRun& run : ready_.Heads(lane->id, now, wanted)) {
      const int64_t count = std::min(run.size(), wanted);
      for (TaskId id = run.first_id; id < run.first_id + count; ++id) {
        candidates.push_back({run.urgency, run.ready_at, id, runs.size(), lane});
      }
      wanted -= count;
      runs.push_back(run);
    }
  }
  const auto before = [](const Candidate& a, const Candidate& b) {
    return std::tie(a.urgency, a.ready_at, a.id) < std::tie(b.urgency, b.ready_at, b.id);
  };
  if (lanes.size() > 1) std::sort(candidates.begin(), candidates.end(), before);
  if (!request.shares.empty()) candidates = SharesFirst(request.shares, candidates);
  candidates.resize(std::min(candidates.size(), static_cast<size_t>(request.max_tasks)));
  return candidates;
}

std::vector<LeasedTask> SqliteWriter::Claim(absl::Time now, absl::Duration lease,
                                            const ClaimRequest& request) {
  Tick(now);
  std::vector<Lane*> lanes = FindLanes(request.queues, request.types);
  std::erase_if(lanes, [this](const Lane* lane) { return paused_.contains(lane->queue); });

  ClaimAnswer answer;
  std::vector<ReadyRun> runs;
  const std::vector<Candidate> chosen = ChooseReady(lanes, now, request, runs);
  if (chosen.empty()) return {};
  answer.tasks.reserve(chosen.size());
  running_.BeginClaim(request.worker, now, lease);
  // Neighbours of one run are read in one go.
  for (size_t i = 0; i < chosen.size() && answer.bytes < request.max_bytes;) {
    size_t end = i + 1;
    while (end < chosen.size() && chosen[end].run == chosen[i].run &&
           chosen[end].id == chosen[end - 1].id + 1) {
      ++end;
    }
    LeaseRange(chosen[i].id, chosen[end - 1].id, runs[chosen[i].run].fresh, request, answer);
    i = end;
  }
  // Of each run the first ones have gone.
  std::vector<int64_t> taken(runs.size());
  for (size_t i = 0; i < answer.tasks.size(); ++i) taken[chosen[i].run]++;
  for (size_t i = 0; i < runs.size(); ++i) {
    if (taken[i] > 0) ready_.Take(runs[i], taken[i]);
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

    const Lane& lane = *lanes_by_id_[row.lane_id];
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
    if (!running_.Runs(held.task_id, held.lease_id)) {
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
