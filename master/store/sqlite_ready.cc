#include "master/store/sqlite_ready.h"

#include <algorithm>
#include <limits>

namespace tarea {
namespace {

// A task may start late if it has started before.
absl::Time StartBy(const TaskCore& task) {
  return task.attempt == 0 ? task.start_by : absl::InfiniteFuture();
}

ReadyRun RunOf(const TaskRow& row, bool fresh) {
  return {.lane_id = row.lane_id,
          .urgency = -int64_t{row.core.priority},
          .ready_at = row.core.ready_at,
          .first_id = row.core.id,
          .last_id = row.core.id,
          .start_by = StartBy(row.core),
          .fresh = fresh};
}

bool Continues(const ReadyRun& run, const ReadyRun& next) {
  return next.first_id == run.last_id + 1 && next.lane_id == run.lane_id &&
         next.urgency == run.urgency && next.ready_at == run.ready_at &&
         next.start_by == run.start_by;
}

}  // namespace

void ReadyTasks::Add(const TaskRow& row) { Insert(RunOf(row, /*fresh=*/false)); }

void ReadyTasks::AddFresh(const TaskRow& row) {
  const ReadyRun next = RunOf(row, /*fresh=*/true);
  if (growing_.has_value() && Continues(*growing_, next)) {
    growing_->last_id = next.last_id;
    return;
  }
  Flush();
  growing_ = next;
}

void ReadyTasks::Flush() {
  if (growing_.has_value()) Insert(*growing_);
  growing_.reset();
}

void ReadyTasks::Remove(const TaskRow& row, absl::Time ready_at) {
  const TaskId id = row.core.id;
  ReadyRun run = RunOf(row, false);
  run.ready_at = ready_at;
  {
    Query query(connection_,
                "SELECT last_id, first_id, start_by, fresh FROM ready WHERE lane_id = ? "
                "AND urgency = ? AND ready_at = ? AND last_id >= ? ORDER BY last_id LIMIT 1",
                run.lane_id, run.urgency, run.ready_at, id);
    if (!query.Next()) return;
    run.last_id = query.Int(0);
    run.first_id = query.Int(1);
    run.start_by = query.Time(2);
    run.fresh = query.Int(3) != 0;
  }
  ReadyRun before = run;
  before.last_id = id - 1;
  if (id == run.last_id) {
    Delete(run);
  } else {
    MoveFirst(run, id + 1);
  }
  if (before.size() > 0) Insert(before);
}

std::vector<ReadyRun> ReadyTasks::Heads(int64_t lane_id, absl::Time now, int64_t tasks) {
  std::vector<ReadyRun> runs;
  Query query(connection_,
              "SELECT urgency, ready_at, last_id, first_id, start_by, fresh FROM ready "
              "WHERE lane_id = ? AND (start_by IS NULL OR start_by > ?) "
              "ORDER BY urgency, ready_at, last_id",
              lane_id, now);
  while (tasks > 0 && query.Next()) {
    ReadyRun& run = runs.emplace_back();
    run.lane_id = lane_id;
    run.urgency = query.Int(0);
    run.ready_at = query.Time(1);
    run.last_id = query.Int(2);
    run.first_id = query.Int(3);
    run.start_by = query.Time(4);
    run.fresh = query.Int(5) != 0;
    tasks -= run.size();
  }
  return runs;
}

void ReadyTasks::Take(const ReadyRun& run, int64_t tasks) {
  if (tasks == run.size()) {
    Delete(run);
  } else {
    MoveFirst(run, run.first_id + tasks);
  }
}

void ReadyTasks::Insert(const ReadyRun& run) {
  Query(connection_, "INSERT INTO ready VALUES (?, ?, ?, ?, ?, ?, ?)", run.lane_id, run.urgency,
        run.ready_at, run.last_id, run.first_id, run.start_by, run.fresh)
      .Run();
}

void ReadyTasks::Delete(const ReadyRun& run) {
  Query(connection_,
        "DELETE FROM ready WHERE lane_id = ? AND urgency = ? AND ready_at = ? AND last_id = ?",
        run.lane_id, run.urgency, run.ready_at, run.last_id)
      .Run();
}

void ReadyTasks::MoveFirst(const ReadyRun& run, TaskId first_id) {
  Query(connection_,
        "UPDATE ready SET first_id = ? "
        "WHERE lane_id = ? AND urgency = ? AND ready_at = ? AND last_id = ?",
        first_id, run.lane_id, run.urgency, run.ready_at, run.last_id)
      .Run();
}

absl::Time OldestReady(SqliteConnection& connection, int64_t lane_id) {
  // They are by urgency first: look at the head of each that occurs.
  absl::Time oldest = absl::InfiniteFuture();
  int64_t above = std::numeric_limits<int64_t>::min();
  while (true) {
    Query query(connection,
                "SELECT urgency, ready_at FROM ready WHERE lane_id = ? AND urgency > ? "
                "ORDER BY urgency, ready_at LIMIT 1",
                lane_id, above);
    if (!query.Next()) return oldest;
    above = query.Int(0);
    oldest = std::min(oldest, query.Time(1));
  }
}

}  // namespace tarea
