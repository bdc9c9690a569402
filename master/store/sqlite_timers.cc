// What happens because time passes, or because a parent has finished.

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "master/store/sqlite_writer.h"

namespace tarea {
namespace {

std::vector<TaskId> Ids(Query query) {
  std::vector<TaskId> ids;
  while (query.Next()) ids.push_back(query.Int(0));
  return ids;
}

}  // namespace

AdvanceAnswer SqliteWriter::Advance(absl::Time now, int64_t limit) {
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

int64_t SqliteWriter::ExpireLeases(absl::Time now, int64_t limit,
                                   absl::btree_set<std::string>& lost_workers) {
  const std::vector<TaskId> ids = running_.Expired(now, limit);
  for (const TaskId id : ids) {
    TaskRow row = *running_.Find(id);
    const Place from = PlaceOf(row.core);
    lost_workers.insert(row.core.worker);
    const AttemptEnd end = LoseLease(row.core, now);
    SaveAttemptEnd(row, from, end, "");
  }
  return static_cast<int64_t>(ids.size());
}

int64_t SqliteWriter::PromoteScheduled(absl::Time now, int64_t limit) {
  std::vector<TaskRow> rows;
  {
    Query query(connection_,
                "SELECT " TAREA_TASK_COLUMNS
                " FROM states s CROSS JOIN tasks t ON t.id = s.id "
                "WHERE s.state = 2 AND s.ready_at <= ? ORDER BY s.ready_at, s.id LIMIT ?",
                now, limit);
    while (query.Next()) rows.push_back(ReadTaskRow(query));
  }
  for (TaskRow& row : rows) {
    Promote(row.core);
    ready_.Add(row);
    Query(connection_, "UPDATE states SET state = ? WHERE id = ?", static_cast<int>(row.core.state),
          row.core.id)
        .Run();
    CountMove(row, TaskState::kScheduled);
  }
  return static_cast<int64_t>(rows.size());
}

int64_t SqliteWriter::ExpireStarts(absl::Time now, int64_t limit) {
  const std::vector<TaskId> ids =
      Ids({connection_,
           "SELECT id FROM states WHERE start_by IS NOT NULL AND state <= 3 AND attempt = 0 "
           "AND flags & 128 = 0 AND start_by <= ? ORDER BY start_by, id LIMIT ?",
           now, limit});
  for (const TaskId id : ids) {
    TaskRow row = MustLoadTaskRow(connection_, id);
    absl::Duration expires_in;
    {
      Query query(connection_, "SELECT expires_in FROM tasks WHERE id = ?", id);
      if (query.Next()) expires_in = query.Duration(0);
    }
    CancelWith(row, StartExpiredError(expires_in), now);
  }
  return static_cast<int64_t>(ids.size());
}

int64_t SqliteWriter::SettleParents(absl::Time now, int64_t limit) {
  int64_t told = 0;
  while (told < limit) {
    int64_t finish_seq = 0;
    TaskId parent = 0;
    TaskState state = TaskState::kSucceeded;
    {
      Query query(connection_,
                  "SELECT finish_seq, parent_id, state FROM settling ORDER BY finish_seq LIMIT 1");
      if (!query.Next()) break;
      finish_seq = query.Int(0);
      parent = query.Int(1);
      state = ReadState(query, 2);
    }
    const std::vector<TaskId> children =
        Ids({connection_,
             "SELECT child_id FROM dependents WHERE parent_id = ? ORDER BY child_id LIMIT ?",
             parent, limit - told});
    for (const TaskId child : children) SettleChild(child, parent, state, now);
    told += static_cast<int64_t>(children.size());
    if (told < limit) {
      Query(connection_, "DELETE FROM settling WHERE finish_seq = ?", finish_seq).Run();
    }
  }
  return told;
}

void SqliteWriter::SettleChild(TaskId child, TaskId parent, TaskState parent_state,
                               absl::Time now) {
  Query(connection_, "DELETE FROM dependents WHERE parent_id = ? AND child_id = ?", parent, child)
      .Run();
  std::optional<TaskRow> row = Load(child);
  if (!row.has_value() || row->core.state != TaskState::kBlocked) return;
  if (JudgeParent(parent_state, row->core.run_on_parent_failure) == ParentVerdict::kCancel) {
    CancelWith(*row, ParentError(parent, parent_state), now);
    return;
  }
  const Place from = PlaceOf(row->core);
  if (--row->core.blocked_on == 0) {
    Unblock(row->core, now);
    Save(*row, from);
  } else {
    Query(connection_, "UPDATE states SET blocked_on = ? WHERE id = ?", row->core.blocked_on, child)
        .Run();
  }
}

void SqliteWriter::ExtendLeases(absl::Time until) {
  running_.ExtendAll(until);
  NoteDue(until);
}

}  // namespace tarea
