#include "master/store/sqlite_writer.h"

#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tarea {
namespace {

// When the log is so many times as long, whoever commits helps: it can only begin anew once all of
// it has been brought over, which never happens beside commits without a pause.
constexpr int kMuchTooLong = 4;

}  // namespace

SqliteWriter::SqliteWriter(SqliteConnection& connection, const StoreLimits& limits,
                           const DiskReserve& reserve, SqliteCheckpointer& checkpointer,
                           int long_log)
    : connection_(connection),
      limits_(limits),
      reserve_(reserve),
      ready_(connection),
      running_(connection),
      successes_(connection),
      checkpointer_(checkpointer),
      long_log_(long_log) {
  // In place of SQLite's own, which forgets that a checkpoint has failed.
  sqlite3_wal_hook(
      connection_.db().getHandle(),
      [](void* pages, sqlite3*, const char*, int count) {
        *static_cast<int*>(pages) = count;
        return SQLITE_OK;
      },
      &log_pages_);
  LoadCaches();
}

void SqliteWriter::BeginEpoch() {
  LoadMeta();
  const int64_t epoch = connection_.PragmaInt("SELECT epoch FROM meta");
  if (epoch > LeaseIds::kMaxEpoch) ThrowDamaged(absl::StrCat("epoch is ", epoch));
  lease_ids_ = LeaseIds(epoch);
}

// --- Transactions
// --------------------------------------------------------------------------------------

void SqliteWriter::Begin() {
  effects_ = Effects();
  Query(connection_, "BEGIN IMMEDIATE").Run();
  changes_at_begin_ = connection_.db().getTotalChanges();
}

void SqliteWriter::Commit() {
  FlushCounts();
  FlushFinished();
  successes_.Flush();
  running_.Flush();
  // A transaction that changed nothing must not become one that writes.
  Query(connection_,
        "UPDATE meta SET last_task = ?, last_batch = ?, last_finish = ?, last_time = ? "
        "WHERE total_changes() > ?",
        last_task_, last_batch_, last_finish_, last_time_, changes_at_begin_)
      .Run();
  Query(connection_, "COMMIT").Run();
  if (log_pages_ >= kMuchTooLong * long_log_) {
    checkpointer_.Finish(connection_);
  } else if (log_pages_ >= long_log_ && log_pages_ - told_pages_ >= long_log_ / 4) {
    told_pages_ = log_pages_;
    checkpointer_.Wake();
  }
  if (log_pages_ < told_pages_) told_pages_ = 0;  // it has begun anew
}

void SqliteWriter::Rollback() {
  batch_changes_.clear();
  ready_by_lane_.clear();
  finished_.clear();
  ready_.Clear();
  successes_.Clear();
  // SQLite has rolled back by itself after some errors, for instance a full disk.
  if (sqlite3_get_autocommit(connection_.db().getHandle()) == 0) {
    Query(connection_, "ROLLBACK").Run();
  }
  LoadCaches();
}

void SqliteWriter::LoadMeta() {
  Query meta(connection_, "SELECT last_task, last_batch, last_finish, last_time FROM meta");
  meta.Next();
  last_task_ = meta.Int(0);
  last_batch_ = meta.Int(1);
  last_finish_ = meta.Int(2);
  last_time_ = meta.Time(3, absl::InfinitePast());
}

void SqliteWriter::LoadCaches() {
  LoadMeta();
  lanes_.clear();
  lanes_by_id_.clear();
  dirty_lanes_.clear();
  Query lanes(connection_,
              "SELECT id, queue, type, " TAREA_COUNT_COLUMNS ", unfinished_bytes FROM lanes");
  while (lanes.Next()) {
    auto lane = std::make_unique<Lane>();
    lane->id = lanes.Int(0);
    lane->queue = lanes.Bytes(1);
    lane->type = lanes.Bytes(2);
    lane->counts = ReadCounts(lanes, 3);
    lane->bytes = ReadBytes(lanes, 3 + kTaskStates);
    std::unique_ptr<Lane>& place = lanes_[{lane->queue, lane->type}];
    if (place != nullptr) ThrowDamaged("a queue and type are there twice");
    lanes_by_id_[lane->id] = lane.get();
    place = std::move(lane);
  }

  paused_.clear();
  Query paused(connection_, "SELECT name FROM paused_queues");
  while (paused.Next()) paused_.insert(paused.Bytes(0));

  running_.Load();
}

void SqliteWriter::FlushCounts() {
  for (Lane* lane : dirty_lanes_) {
    const int64_t* n = lane->counts.by_state;
    Query(connection_,
          "UPDATE lanes SET blocked = ?, scheduled = ?, ready = ?, running = ?, succeeded = ?, "
          "failed = ?, cancelled = ?, unfinished_bytes = ? WHERE id = ?",
          n[0], n[1], n[2], n[3], n[4], n[5], n[6], lane->bytes, lane->id)
        .Run();
    lane->dirty = false;
  }
  dirty_lanes_.clear();
  for (const auto& [id, change] : batch_changes_) {
    const int64_t* n = change.delta.by_state;
    Query(connection_,
          "UPDATE batches SET blocked = blocked + ?1, scheduled = scheduled + ?2, "
          "ready = ready + ?3, running = running + ?4, succeeded = succeeded + ?5, "
          "failed = failed + ?6, cancelled = cancelled + ?7, "
          "idle_since = CASE WHEN NOT ?8 THEN idle_since "
          "WHEN blocked + scheduled + ready + running + ?1 + ?2 + ?3 + ?4 = 0 THEN ?9 END "
          "WHERE id = ?10",
          n[0], n[1], n[2], n[3], n[4], n[5], n[6], change.moved, change.moved_at, id)
        .Run();
    if (change.moved) effects_.batches.insert(id);
  }
  batch_changes_.clear();
  for (const auto& [lane_id, count] : ready_by_lane_) {
    const Lane& lane = LaneById(lane_id);
    effects_.ready[{lane.queue, lane.type}] += count;
  }
  ready_by_lane_.clear();
}

void SqliteWriter::FlushFinished() {
  for (const auto& [batch, tasks] : finished_) {
    const std::string pairs = EncodeIdPairs(tasks);
    Query(connection_, "INSERT INTO finished VALUES (?, ?, ?, ?, ?)", batch, tasks.back().number,
          tasks.front().task, tasks.front().number, pairs)
        .Run();
  }
  finished_.clear();
}

// --- Lanes
// ---------------------------------------------------------------------------------------------

SqliteWriter::Lane& SqliteWriter::LaneOf(const std::string& queue, const std::string& type) {
  std::unique_ptr<Lane>& lane = lanes_[{queue, type}];
  if (lane == nullptr) {
    Query(connection_, "INSERT INTO lanes (queue, type) VALUES (?, ?)", queue, type).Run();
    lane = std::make_unique<Lane>();
    lane->id = connection_.db().getLastInsertRowid();
    lane->queue = queue;
    lane->type = type;
    lanes_by_id_[lane->id] = lane.get();
  }
  return *lane;
}

SqliteWriter::Lane& SqliteWriter::LaneById(int64_t id) {
  const auto it = lanes_by_id_.find(id);
  if (it == lanes_by_id_.end()) ThrowDamaged(absl::StrCat("there is no queue and type ", id));
  return *it->second;
}

std::vector<SqliteWriter::Lane*> SqliteWriter::FindLanes(const std::vector<std::string>& queues,
                                                         const std::vector<std::string>& types) {
  absl::btree_set<Lane*> found;
  for (const std::string& queue : queues) {
    if (types.empty()) {
      for (auto it = lanes_.lower_bound({queue, ""}); it != lanes_.end(); ++it) {
        if (it->first.first != queue) break;
        found.insert(it->second.get());
      }
    }
    for (const std::string& type : types) {
      if (const auto it = lanes_.find({queue, type}); it != lanes_.end()) {
        found.insert(it->second.get());
      }
    }
  }
  return {found.begin(), found.end()};
}

QueueLoad SqliteWriter::LoadOf(const std::string& queue) const {
  QueueLoad load;
  for (auto it = lanes_.lower_bound({queue, ""}); it != lanes_.end(); ++it) {
    if (it->first.first != queue) break;
    load.tasks += it->second->counts.Unfinished();
    load.bytes += it->second->bytes;
  }
  return load;
}

// --- What goes with every change
// -------------------------------------------------------------------------

void SqliteWriter::Tick(absl::Time now) { last_time_ = std::max(last_time_, now); }

void SqliteWriter::NoteDue(absl::Time at) { effects_.next_due = std::min(effects_.next_due, at); }

std::optional<TaskRow> SqliteWriter::Load(TaskId id) {
  std::optional<TaskRow> running = running_.Find(id);
  if (running.has_value()) return running;
  successes_.Flush();
  return LoadTaskRow(connection_, id);
}

TaskRow SqliteWriter::MustLoad(TaskId id) {
  std::optional<TaskRow> running = running_.Find(id);
  if (running.has_value()) return *std::move(running);
  successes_.Flush();
  return MustLoadTaskRow(connection_, id);
}

void SqliteWriter::MarkDirty(Lane& lane) {
  if (!lane.dirty) dirty_lanes_.push_back(&lane);
  lane.dirty = true;
}

void SqliteWriter::CountMove(const TaskRow& row, std::optional<TaskState> from) {
  const TaskCore& task = row.core;
  Lane& lane = LaneById(row.lane_id);
  BatchChange& batch = batch_changes_[task.batch_id];
  if (from.has_value()) {
    lane.counts[*from]--;
    if (!IsFinal(*from)) lane.bytes -= row.payload_bytes;
    batch.delta[*from]--;
  }
  lane.counts[task.state]++;
  if (!IsFinal(task.state)) lane.bytes += row.payload_bytes;
  MarkDirty(lane);
  batch.delta[task.state]++;
  batch.moved = true;
  batch.moved_at = last_time_;
  if (task.state == TaskState::kReady) ready_by_lane_[row.lane_id]++;
  if (task.state == TaskState::kScheduled) NoteDue(task.ready_at);
  if (task.state == TaskState::kRunning) NoteDue(task.lease_until);
  if (!IsFinal(task.state) && task.attempt == 0) NoteDue(task.start_by);
}

void SqliteWriter::Finalize(TaskRow& row) {
  TaskCore& task = row.core;
  task.finish_seq = ++last_finish_;
  finished_[task.batch_id].push_back({task.id, task.finish_seq});
  if (task.has_key) {
    Query(connection_,
          "DELETE FROM keys WHERE task_id = ?1 AND (queue, key) = "
          "(SELECT l.queue, t.key FROM tasks t, lanes l WHERE t.id = ?1 AND l.id = ?2)",
          task.id, row.lane_id)
        .Run();
  }
  if (task.has_dependents) {
    Query(connection_, "INSERT INTO settling VALUES (?, ?, ?)", task.finish_seq, task.id,
          static_cast<int>(task.state))
        .Run();
    NoteDue(absl::InfinitePast());
  }
}

void SqliteWriter::Save(TaskRow& row, const Place& from) {
  TaskCore& task = row.core;
  if (from.state == TaskState::kRunning) running_.End(row);
  if (from.state == TaskState::kReady) ready_.Remove(row, from.ready_at);
  if (task.state == TaskState::kReady) ready_.Add(row);
  if (IsFinal(task.state) && !IsFinal(from.state)) Finalize(row);
  if (row.fresh && task.state == TaskState::kSucceeded) {
    successes_.Add(task);
  } else {
    WriteState(task);
  }
  CountMove(row, from.state);
}

void SqliteWriter::WriteState(const TaskCore& task, int64_t more_flags) {
  Query(connection_,
        "INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, 0))",
        task.id, static_cast<int>(task.state), StateFlagsOf(task) | more_flags, task.attempt,
        task.max_attempts, task.blocked_on, task.ready_at, task.start_by, task.lease_id,
        task.worker, task.started_at, task.finished_at, task.finish_seq)
      .Run();
}

void SqliteWriter::SaveRunning(const TaskRow& row) {
  running_.SetCancelRequested(row.core);
  TaskCore stored = MustLoadTaskRow(connection_, row.core.id).core;
  stored.cancel_requested = row.core.cancel_requested;
  stored.has_outcome = row.core.has_outcome;
  WriteState(stored, kFlagStarted);
}

void SqliteWriter::WriteOutcome(TaskRow& row, const TaskError& error, const std::string& result) {
  if (error.code == 0 && result.empty()) {
    if (row.core.has_outcome) {
      Query(connection_, "DELETE FROM outcomes WHERE task_id = ?", row.core.id).Run();
    }
    row.core.has_outcome = false;
    return;
  }
  Query(connection_, "INSERT OR REPLACE INTO outcomes VALUES (?, ?, ?, ?)", row.core.id, error.code,
        error.message, Blob{result})
      .Run();
  row.core.has_outcome = true;
}

void SqliteWriter::SaveAttemptEnd(TaskRow& row, const Place& from, const AttemptEnd& end,
                                  const std::string& result) {
  if (end.record.has_value()) {
    const Attempt& attempt = *end.record;
    Query(connection_, "INSERT OR REPLACE INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
          row.core.id, attempt.number, static_cast<int>(attempt.outcome), attempt.lease_id,
          attempt.worker, attempt.started_at, attempt.ended_at, attempt.error.code,
          attempt.error.message)
        .Run();
  }
  if (end.erase != 0) {
    Query(connection_, "DELETE FROM attempts WHERE task_id = ? AND number = ?", row.core.id,
          end.erase)
        .Run();
  }
  const bool final = IsFinal(row.core.state);
  if (row.core.state == TaskState::kSucceeded) {
    WriteOutcome(row, TaskError{}, result);
  } else if (end.error.code != 0) {
    WriteOutcome(row, end.error, final ? result : std::string());
  } else if (final && !result.empty()) {
    Query(connection_, "UPDATE outcomes SET result = ? WHERE task_id = ?", Blob{result},
          row.core.id)
        .Run();
  }
  Save(row, from);
}

void SqliteWriter::CancelWith(TaskRow& row, const TaskError& error, absl::Time now) {
  const Place from = PlaceOf(row.core);
  CancelTask(row.core, now);
  WriteOutcome(row, error, "");
  Save(row, from);
}

}  // namespace tarea
