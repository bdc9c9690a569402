#include "master/store/sqlite_read.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "master/store/id_pairs.h"
#include "master/store/lifecycle.h"
#include "master/store/sqlite_ready.h"
#include "master/store/sqlite_rows.h"
#include "master/store/sqlite_running.h"
#include "master/store/sqlite_successes.h"

namespace tarea::sqlite_read {
namespace {

// How many tasks one page of ListTasks looks at.
constexpr int kMaxScan = 20'000;

// What rows that tasks share say about one of them.
class SharedStates {
 public:
  explicit SharedStates(SqliteConnection& connection)
      : successes_(connection), running_(connection) {}

  void Apply(TaskRow& row) {
    if (row.fresh && successes_.Apply(row.core)) return;
    running_.Apply(row.core);
  }

  // The state of a task by that of its row of `states`, if it has one.
  TaskState StateOf(BatchId batch, TaskId id, std::optional<TaskState> stored) {
    if (!stored.has_value() && successes_.Has(batch, id)) return TaskState::kSucceeded;
    const TaskState state = stored.value_or(TaskState::kReady);
    return state == TaskState::kReady && running_.Runs(id) ? TaskState::kRunning : state;
  }

 private:
  SuccessView successes_;
  RunningView running_;
};

// A task with payload and result where they are asked for.
std::optional<Task> ReadTask(SqliteConnection& connection, SharedStates& shared, TaskId id,
                             bool with_payload, bool with_result) {
  Task task;
  bool has_labels = false;
  {
    Query query(connection,
                "SELECT " TAREA_TASK_COLUMNS
                ", l.queue, l.type, t.key, t.depends_on, t.delay, t.timeout, t.expires_in, "
                "length(t.payload), CASE WHEN ?2 THEN t.payload END "
                "FROM " TAREA_TASK_TABLES " JOIN lanes l ON l.id = t.lane_id WHERE t.id = ?1",
                id, with_payload);
    if (!query.Next()) return std::nullopt;
    TaskRow row = ReadTaskRow(query);
    has_labels = row.has_labels;
    shared.Apply(row);
    task.core = std::move(row.core);
    int column = kTaskColumns;
    task.spec.queue = query.Bytes(column++);
    task.spec.type = query.Bytes(column++);
    task.spec.key = query.Bytes(column++);
    task.spec.depends_on = SplitNumbers<TaskId>(query.Bytes(column++));
    task.spec.delay = query.Duration(column++);
    task.spec.timeout = query.Duration(column++);
    task.spec.expires_in = query.Duration(column++);
    task.payload_size = query.Int(column++);
    task.spec.payload = query.Bytes(column++);
  }
  task.spec.priority = task.core.priority;
  task.spec.run_on_parent_failure = task.core.run_on_parent_failure;
  task.spec.retry = LoadRetryPolicy(connection, id);
  if (has_labels) task.spec.labels = LoadLabels(connection, id);
  if (task.core.has_outcome) {
    Query query(connection,
                "SELECT error_code, error_message, length(result), CASE WHEN ?2 THEN result END "
                "FROM outcomes WHERE task_id = ?1",
                id, with_result);
    if (query.Next()) {
      task.error = {query.SmallInt(0), query.Bytes(1)};
      task.result_size = query.Int(2);
      task.result = query.Bytes(3);
    }
  }
  return task;
}

absl::Status NoBatch(BatchId id) {
  return absl::NotFoundError(
      absl::StrCat("there is no batch ", id, "; it may have been purged (--retain)"));
}

// Runs through the tasks that a query may be about, in the order of their ids.
class TaskScan {
 public:
  TaskScan(SqliteConnection& connection, const TaskQuery& query)
      : query_(Start(connection, query)) {}

  bool Next() { return query_.Next(); }
  TaskId id() const { return query_.Int(0); }
  // Of its row of `states`, if it has one.
  std::optional<TaskState> state() const {
    if (query_.IsNull(1)) return std::nullopt;
    return ReadState(query_, 1);
  }
  int64_t lane_id() const { return query_.Int(2); }
  BatchId batch_id() const { return query_.Int(3); }

 private:
  // The most selective way that there is: a batch by its segments, a label or the failed tasks by
  // their index, else all.
  static Query Start(SqliteConnection& connection, const TaskQuery& query) {
    const bool down = query.newest_first;
    const TaskId low = down ? 0 : query.after;
    const TaskId high = down && query.after != 0 ? query.after : std::numeric_limits<TaskId>::max();
    if (query.batch_id != 0) {
      return {connection,
              down ? "SELECT t.id, x.state, t.lane_id, t.batch_id FROM segments s "
                     "CROSS JOIN tasks t ON t.id BETWEEN s.first_id AND s.last_id "
                     "LEFT JOIN states x ON x.id = t.id WHERE s.batch_id = ?1 "
                     "AND s.first_id < ?3 AND t.id > ?2 AND t.id < ?3 "
                     "ORDER BY s.first_id DESC, t.id DESC"
                   : "SELECT t.id, x.state, t.lane_id, t.batch_id FROM segments s "
                     "CROSS JOIN tasks t ON t.id BETWEEN s.first_id AND s.last_id "
                     "LEFT JOIN states x ON x.id = t.id WHERE s.batch_id = ?1 "
                     "AND s.last_id > ?2 AND t.id > ?2 AND t.id < ?3 "
                     "ORDER BY s.first_id, t.id",
              query.batch_id, low, high};
    }
    if (!query.labels.empty()) {
      const auto& [name, value] = *query.labels.begin();
      return {connection,
              down ? "SELECT t.id, s.state, t.lane_id, t.batch_id FROM labels l "
                     "CROSS JOIN tasks t ON t.id = l.task_id LEFT JOIN states s ON s.id = t.id "
                     "WHERE l.name = ?3 AND l.value = ?4 AND l.task_id > ?1 "
                     "AND l.task_id < ?2 ORDER BY l.task_id DESC"
                   : "SELECT t.id, s.state, t.lane_id, t.batch_id FROM labels l "
                     "CROSS JOIN tasks t ON t.id = l.task_id LEFT JOIN states s ON s.id = t.id "
                     "WHERE l.name = ?3 AND l.value = ?4 AND l.task_id > ?1 "
                     "AND l.task_id < ?2 ORDER BY l.task_id",
              low,
              high,
              name,
              value};
    }
    if (query.states == std::vector<TaskState>{TaskState::kFailed}) {
      return {connection,
              down ? "SELECT s.id, s.state, t.lane_id, t.batch_id FROM states s INDEXED BY "
                     "states_failed CROSS JOIN tasks t ON t.id = s.id WHERE s.state = 6 "
                     "AND s.id > ? AND s.id < ? ORDER BY s.id DESC"
                   : "SELECT s.id, s.state, t.lane_id, t.batch_id FROM states s INDEXED BY "
                     "states_failed CROSS JOIN tasks t ON t.id = s.id WHERE s.state = 6 "
                     "AND s.id > ? AND s.id < ? ORDER BY s.id",
              low, high};
    }
    return {connection,
            down ? "SELECT t.id, s.state, t.lane_id, t.batch_id FROM " TAREA_TASK_TABLES
                   " WHERE t.id > ? AND t.id < ? ORDER BY t.id DESC"
                 : "SELECT t.id, s.state, t.lane_id, t.batch_id FROM " TAREA_TASK_TABLES
                   " WHERE t.id > ? AND t.id < ? ORDER BY t.id",
            low, high};
  }

  Query query_;
};

// Lanes that a query is about; nothing if it is about all.
std::optional<std::set<int64_t>> LanesOf(SqliteConnection& connection, const TaskQuery& query) {
  if (query.queue.empty() && query.type.empty()) return std::nullopt;
  Query lanes(connection,
              "SELECT id FROM lanes WHERE (?1 = '' OR queue = ?1) AND (?2 = '' OR type = ?2)",
              query.queue, query.type);
  std::set<int64_t> ids;
  while (lanes.Next()) ids.insert(lanes.Int(0));
  return ids;
}

bool HasLabels(SqliteConnection& connection, TaskId id,
               const std::map<std::string, std::string>& wanted) {
  if (wanted.empty()) return true;
  const std::map<std::string, std::string> labels = LoadLabels(connection, id);
  return std::includes(labels.begin(), labels.end(), wanted.begin(), wanted.end());
}

absl::Time Earliest(SqliteConnection& connection, const char* sql) {
  Query query(connection, sql);
  return query.Next() ? query.Time(0) : absl::InfiniteFuture();
}

}  // namespace

absl::StatusOr<Task> GetTask(SqliteConnection& connection, TaskId id) {
  SharedStates shared(connection);
  std::optional<Task> task = ReadTask(connection, shared, id, true, true);
  if (!task.has_value()) {
    return absl::NotFoundError(
        absl::StrCat("there is no task ", id, "; it may have been purged (--retain)"));
  }
  task->attempts = AllAttempts(task->core, LoadAttempts(connection, id));
  return *std::move(task);
}

absl::StatusOr<Batch> GetBatch(SqliteConnection& connection, BatchId id) {
  Query query(connection, "SELECT " TAREA_BATCH_COLUMNS " FROM batches WHERE id = ?", id);
  if (!query.Next()) return NoBatch(id);
  return ReadBatch(query);
}

TaskPage ListTasks(SqliteConnection& connection, const TaskQuery& query, int64_t max_page_bytes) {
  const std::optional<std::set<int64_t>> lanes = LanesOf(connection, query);
  TaskPage page;
  int64_t bytes = 0;
  int scanned = 0;
  SharedStates shared(connection);
  const auto has_state = [&](const TaskScan& task) {
    if (query.states.empty()) return true;
    const TaskState state = shared.StateOf(task.batch_id(), task.id(), task.state());
    return std::count(query.states.begin(), query.states.end(), state) > 0;
  };
  TaskScan scan(connection, query);
  while (scan.Next()) {
    const TaskId id = scan.id();
    scanned++;
    const bool matches = (query.batch_id == 0 || scan.batch_id() == query.batch_id) &&
                         has_state(scan) &&
                         (!lanes.has_value() || lanes->contains(scan.lane_id())) &&
                         HasLabels(connection, id, query.labels);
    if (matches) {
      std::optional<Task> read =
          ReadTask(connection, shared, id, query.with_payload, query.with_result);
      if (!read.has_value()) ThrowDamaged(absl::StrCat("task ", id, " has no queue"));
      page.tasks.push_back(*std::move(read));
      const Task& task = page.tasks.back();
      bytes += static_cast<int64_t>(task.spec.payload.size() + task.result.size());
    }
    if (static_cast<int>(page.tasks.size()) >= query.limit || bytes >= max_page_bytes ||
        scanned >= kMaxScan) {
      page.next = id;
      break;
    }
  }
  return page;
}

std::vector<Batch> ListBatches(SqliteConnection& connection, BatchId before, int limit) {
  Query query(connection,
              "SELECT " TAREA_BATCH_COLUMNS
              " FROM batches WHERE ?1 = 0 OR id < ?1 ORDER BY id DESC LIMIT ?2",
              before, limit);
  std::vector<Batch> batches;
  while (query.Next()) batches.push_back(ReadBatch(query));
  return batches;
}

absl::StatusOr<FinishedPage> ListFinished(SqliteConnection& connection, BatchId batch,
                                          int64_t cursor, int limit, bool with_result,
                                          int64_t max_page_bytes) {
  FinishedPage page;
  absl::StatusOr<Batch> found = GetBatch(connection, batch);
  if (!found.ok()) return found.status();
  page.batch = *std::move(found);
  page.cursor = cursor;

  SharedStates shared(connection);
  int64_t bytes = 0;
  Query chunks(connection,
               "SELECT first_task, first_seq, tasks FROM finished WHERE batch_id = ? "
               "AND last_seq > ? ORDER BY last_seq",
               batch, cursor);
  while (chunks.Next()) {
    for (const IdPair& pair : DecodeIdPairs({chunks.Int(0), chunks.Int(1)}, chunks.Bytes(2))) {
      if (pair.number <= cursor) continue;
      const bool full = static_cast<int>(page.tasks.size()) == limit || bytes >= max_page_bytes;
      std::optional<Task> task =
          ReadTask(connection, shared, pair.task, false, with_result && !full);
      // It may have been retried, and have finished once more.
      if (!task.has_value() || task->core.finish_seq != pair.number) continue;
      if (full) {
        page.more = true;
        return page;
      }
      bytes += static_cast<int64_t>(task->result.size());
      page.tasks.push_back(*std::move(task));
      page.cursor = pair.number;
    }
  }
  return page;
}

std::vector<Queue> ListQueues(SqliteConnection& connection) {
  std::map<std::string, Queue> queues;
  std::vector<std::pair<int64_t, std::string>> ready;  // lane, queue
  {
    Query query(connection, "SELECT id, queue, type, " TAREA_COUNT_COLUMNS
                            ", unfinished_bytes FROM lanes ORDER BY queue, type");
    while (query.Next()) {
      Queue& queue = queues[query.Bytes(1)];
      queue.types.push_back(query.Bytes(2));
      const Counts counts = ReadCounts(query, 3);
      for (int i = 0; i < kTaskStates; ++i) queue.counts.by_state[i] += counts.by_state[i];
      queue.unfinished_bytes += ReadBytes(query, 3 + kTaskStates);
      if (counts[TaskState::kReady] > 0) ready.emplace_back(query.Int(0), query.Bytes(1));
    }
  }
  for (const auto& [lane, name] : ready) {
    Queue& queue = queues[name];
    queue.oldest_ready_at = std::min(queue.oldest_ready_at, OldestReady(connection, lane));
  }
  Query paused(connection, "SELECT name FROM paused_queues");
  while (paused.Next()) queues[paused.Bytes(0)].paused = true;

  std::vector<Queue> list;
  for (auto& [name, queue] : queues) {
    queue.name = name;
    list.push_back(std::move(queue));
  }
  return list;
}

absl::StatusOr<BatchQueues> ListQueuesOf(SqliteConnection& connection, BatchId batch,
                                         TaskId after) {
  if (const absl::StatusOr<Batch> found = GetBatch(connection, batch); !found.ok()) {
    return found.status();
  }
  BatchQueues answer{.queues = {}, .last = after};
  Query query(connection,
              "SELECT l.queue, max(t.id) FROM segments s "
              "CROSS JOIN tasks t ON t.id BETWEEN max(s.first_id, ?2 + 1) AND s.last_id "
              "JOIN lanes l ON l.id = t.lane_id WHERE s.batch_id = ?1 AND s.last_id > ?2 "
              "GROUP BY l.queue ORDER BY l.queue",
              batch, after);
  while (query.Next()) {
    answer.queues.push_back(query.Bytes(0));
    answer.last = std::max<TaskId>(answer.last, query.Int(1));
  }
  return answer;
}

int64_t CountBatches(SqliteConnection& connection) {
  Query query(connection, "SELECT count(*) FROM batches");
  query.Next();
  return query.Int(0);
}

absl::Time NextDue(SqliteConnection& connection) {
  Query settling(connection, "SELECT 1 FROM settling LIMIT 1");
  if (settling.Next()) return absl::InfinitePast();
  return std::min(
      {Earliest(connection,
                "SELECT ready_at FROM states WHERE state = 2 ORDER BY ready_at LIMIT 1"),
       Earliest(connection, "SELECT lease_until FROM claims ORDER BY lease_until LIMIT 1"),
       Earliest(connection,
                "SELECT start_by FROM states WHERE start_by IS NOT NULL AND state <= 3 "
                "AND attempt = 0 AND flags & 128 = 0 ORDER BY start_by LIMIT 1")});
}

}  // namespace tarea::sqlite_read
