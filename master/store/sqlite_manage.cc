// What people ask for: cancel, retry, pause; and the retention of what is finished.

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "master/store/sqlite_writer.h"

namespace tarea {

absl::StatusOr<std::vector<TaskId>> SqliteWriter::Select(const Selection& selection, TaskId& next) {
  next = 0;
  if (selection.batch_id == 0) {
    for (const TaskId id : selection.ids) {
      Query query(connection_, "SELECT 1 FROM tasks WHERE id = ?", id);
      if (!query.Next()) return absl::NotFoundError(absl::StrCat("there is no task ", id));
    }
    return selection.ids;
  }
  {
    Query query(connection_, "SELECT 1 FROM batches WHERE id = ?", selection.batch_id);
    if (!query.Next()) {
      return absl::NotFoundError(absl::StrCat("there is no batch ", selection.batch_id));
    }
  }
  std::vector<TaskId> ids;
  Query query(connection_,
              "SELECT t.id FROM segments s JOIN tasks t ON t.id BETWEEN s.first_id AND s.last_id "
              "WHERE s.batch_id = ?1 AND s.last_id > ?2 AND t.id > ?2 "
              "ORDER BY s.first_id, t.id LIMIT ?3",
              selection.batch_id, selection.after, selection.limit);
  while (query.Next()) ids.push_back(query.Int(0));
  if (static_cast<int64_t>(ids.size()) == selection.limit) next = ids.back();
  return ids;
}

absl::StatusOr<CancelAnswer> SqliteWriter::Cancel(absl::Time now, const Selection& selection,
                                                  const std::string& reason) {
  Tick(now);
  CancelAnswer answer;
  const absl::StatusOr<std::vector<TaskId>> ids = Select(selection, answer.next);
  if (!ids.ok()) return ids.status();
  if (selection.batch_id != 0) {
    Query(connection_, "UPDATE batches SET open = 0 WHERE id = ?", selection.batch_id).Run();
    effects_.batches.insert(selection.batch_id);
  }
  const TaskError error = {static_cast<int>(absl::StatusCode::kCancelled),
                           reason.empty() ? "cancelled" : reason};
  for (const TaskId id : *ids) {
    TaskRow row = MustLoad(id);
    const Place from = PlaceOf(row.core);
    switch (CancelTask(row.core, now)) {
      case CancelVerdict::kFinished:
        answer.finished++;
        break;
      case CancelVerdict::kCancelled:
        answer.cancelled++;
        WriteOutcome(row, error, "");
        Save(row, from);
        break;
      case CancelVerdict::kStopping:
        answer.stopping++;
        WriteOutcome(row, error, "");
        SaveRunning(row);
        effects_.stops.push_back(
            {row.core.worker, {id, row.core.lease_id, StopReason::kCancelled}});
        break;
    }
  }
  return answer;
}

absl::StatusOr<RetryAnswer> SqliteWriter::Retry(absl::Time now, const Selection& selection) {
  Tick(now);
  RetryAnswer answer;
  const absl::StatusOr<std::vector<TaskId>> ids = Select(selection, answer.next);
  if (!ids.ok()) return ids.status();
  for (const TaskId id : *ids) {
    TaskRow row = MustLoad(id);
    if (RetryOne(now, row, /*only_failed=*/selection.batch_id != 0)) {
      answer.retried++;
    } else {
      answer.skipped++;
    }
  }
  return answer;
}

bool SqliteWriter::RetryOne(absl::Time now, TaskRow& row, bool only_failed) {
  TaskCore& task = row.core;
  const TaskState was = task.state;
  const Place from = PlaceOf(task);
  if (was != TaskState::kFailed && (only_failed || was != TaskState::kCancelled)) return false;

  std::string key;
  std::vector<TaskId> parents;
  {
    Query query(connection_, "SELECT key, depends_on FROM tasks WHERE id = ?", task.id);
    query.Next();
    key = query.Bytes(0);
    parents = SplitNumbers<TaskId>(query.Bytes(1));
  }
  const std::string& queue = LaneById(row.lane_id).queue;
  if (task.has_key) {
    Query query(connection_, "SELECT 1 FROM keys WHERE queue = ? AND key = ?", queue, key);
    if (query.Next()) return false;
  }
  std::vector<TaskId> waits_for;
  for (const TaskId id : parents) {
    const std::optional<TaskRow> parent = Load(id);
    if (!parent.has_value()) continue;
    const ParentVerdict verdict = JudgeParent(parent->core.state, task.run_on_parent_failure);
    if (verdict == ParentVerdict::kCancel) return false;
    if (verdict == ParentVerdict::kWait) waits_for.push_back(id);
  }

  RetryTask(task, LoadRetryPolicy(connection_, task.id), now);
  if (task.has_key) {
    Query(connection_, "INSERT INTO keys VALUES (?, ?, ?)", queue, key, task.id).Run();
  }
  // Who waits for this task goes on waiting, and is not told of the end that has been undone.
  if (task.has_dependents) {
    Query(connection_, "DELETE FROM settling WHERE parent_id = ?", task.id).Run();
  }
  for (const TaskId parent : parents) {
    Query(connection_, "DELETE FROM dependents WHERE parent_id = ? AND child_id = ?", parent,
          task.id)
        .Run();
  }
  if (!waits_for.empty()) {
    task.state = TaskState::kBlocked;
    task.blocked_on = static_cast<int>(waits_for.size());
    for (const TaskId parent : waits_for) AddDependent(parent, task.id);
  }
  Save(row, from);
  return true;
}

void SqliteWriter::SetPaused(const std::string& queue, bool paused) {
  if (paused) {
    Query(connection_, "INSERT OR IGNORE INTO paused_queues VALUES (?)", queue).Run();
    paused_.insert(queue);
    return;
  }
  Query(connection_, "DELETE FROM paused_queues WHERE name = ?", queue).Run();
  if (paused_.erase(queue) == 0) return;
  for (const Lane* lane : FindLanes({queue}, {})) {
    const int64_t ready = lane->counts[TaskState::kReady];
    if (ready > 0) ready_by_lane_[lane->id] += ready;
  }
}

int64_t SqliteWriter::Purge(absl::Time now, absl::Time before, int64_t limit) {
  Tick(now);
  FlushCounts();
  FlushFinished();
  successes_.Flush();
  int64_t gone = 0;
  while (gone < limit) {
    BatchId batch = 0;
    {
      Query query(connection_,
                  "SELECT id FROM batches WHERE idle_since IS NOT NULL AND idle_since <= ? "
                  "ORDER BY idle_since, id LIMIT 1",
                  before);
      if (!query.Next()) break;
      batch = query.Int(0);
    }
    if (!PurgeFinished(batch, limit, gone)) break;
    batch_changes_.erase(batch);
    Query(connection_, "DELETE FROM segments WHERE batch_id = ?", batch).Run();
    Query(connection_, "DELETE FROM successes WHERE batch_id = ?", batch).Run();
    Query(connection_, "DELETE FROM batches WHERE id = ?", batch).Run();
    gone++;
  }
  gone += Query(connection_,
                "DELETE FROM requests WHERE request_id IN "
                "(SELECT request_id FROM requests WHERE expires_at <= ? LIMIT ?)",
                now, limit)
              .Run();
  return gone;
}

bool SqliteWriter::PurgeFinished(BatchId batch, int64_t limit, int64_t& gone) {
  while (true) {
    int64_t last_seq = 0;
    std::vector<IdPair> tasks;
    {
      Query query(connection_,
                  "SELECT last_seq, first_task, first_seq, tasks FROM finished "
                  "WHERE batch_id = ? ORDER BY last_seq LIMIT 1",
                  batch);
      if (!query.Next()) return true;
      last_seq = query.Int(0);
      tasks = DecodeIdPairs({query.Int(1), query.Int(2)}, query.Bytes(3));
    }
    size_t done = 0;
    for (; done < tasks.size() && gone < limit; ++done) {
      const std::optional<TaskRow> row = LoadTaskRow(connection_, tasks[done].task);
      // It may have been retried, and have finished once more.
      if (!row.has_value() || row->core.finish_seq != tasks[done].number) continue;
      ForgetTask(*row);
      gone++;
    }
    if (done < tasks.size()) {
      tasks.erase(tasks.begin(), tasks.begin() + static_cast<std::ptrdiff_t>(done));
      const std::string left = EncodeIdPairs(tasks);
      Query(connection_,
            "UPDATE finished SET first_task = ?, first_seq = ?, tasks = ? "
            "WHERE batch_id = ? AND last_seq = ?",
            tasks.front().task, tasks.front().number, left, batch, last_seq)
          .Run();
      return false;
    }
    Query(connection_, "DELETE FROM finished WHERE batch_id = ? AND last_seq = ?", batch, last_seq)
        .Run();
    if (gone == limit) return false;
  }
}

void SqliteWriter::ForgetTask(const TaskRow& row) {
  const TaskId id = row.core.id;
  Query(connection_, "DELETE FROM tasks WHERE id = ?", id).Run();
  Query(connection_, "DELETE FROM states WHERE id = ?", id).Run();
  Query(connection_, "DELETE FROM outcomes WHERE task_id = ?", id).Run();
  Query(connection_, "DELETE FROM attempts WHERE task_id = ?", id).Run();
  if (row.has_labels) Query(connection_, "DELETE FROM labels WHERE task_id = ?", id).Run();
  Lane& lane = LaneById(row.lane_id);
  lane.counts[row.core.state]--;
  MarkDirty(lane);
  batch_changes_[row.core.batch_id].delta[row.core.state]--;
}

}  // namespace tarea
