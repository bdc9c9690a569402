#ifndef TAREA_MASTER_STORE_SQLITE_ROWS_H_
#define TAREA_MASTER_STORE_SQLITE_ROWS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "master/store/sqlite_connection.h"
#include "master/store/task.h"

// Our values to rows and back; see schema/ for the tables.
namespace tarea {

// A row of `tasks`.
struct TaskRow {
  TaskCore core;
  int64_t lane_id = 0;
  bool has_labels = false;
};

// Bits of tasks.flags.
inline constexpr int64_t kFlagLeaseLost = 1;
inline constexpr int64_t kFlagCancelRequested = 2;
inline constexpr int64_t kFlagRunOnParentFailure = 4;
inline constexpr int64_t kFlagHasKey = 8;
inline constexpr int64_t kFlagHasDependents = 16;
inline constexpr int64_t kFlagHasOutcome = 32;
inline constexpr int64_t kFlagHasLabels = 64;
int64_t FlagsOf(const TaskRow& row);

// The columns of a TaskRow in the order that ReadTaskRow expects, for a SELECT that begins with
// them.
#define TAREA_TASK_COLUMNS                                                                   \
  "t.id, t.batch_id, t.lane_id, t.state, t.priority, t.flags, t.attempt, t.max_attempts, "   \
  "t.blocked_on, t.created_at, t.ready_at, t.start_by, t.lease_id, t.worker, t.started_at, " \
  "t.lease_until, t.finished_at, t.finish_seq"
inline constexpr int kTaskColumns = 18;
TaskRow ReadTaskRow(const Query& query);

// Counts from seven columns.
#define TAREA_COUNT_COLUMNS "blocked, scheduled, ready, running, succeeded, failed, cancelled"
Counts ReadCounts(const Query& query, int first_column);

// A batch from a SELECT of these.
#define TAREA_BATCH_COLUMNS "id, name, created_at, idle_since, open, " TAREA_COUNT_COLUMNS
Batch ReadBatch(const Query& query);

// The task with this id, if there is one.
std::optional<TaskRow> LoadTaskRow(SqliteConnection& connection, TaskId id);
RetryPolicy LoadRetryPolicy(SqliteConnection& connection, TaskId id);
std::map<std::string, std::string> LoadLabels(SqliteConnection& connection, TaskId id);
// Oldest first.
std::vector<Attempt> LoadAttempts(SqliteConnection& connection, TaskId id);

// Numbers with commas between.
template <typename T>
std::string JoinNumbers(const std::vector<T>& numbers);
template <typename T>
std::vector<T> SplitNumbers(const std::string& text);

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_SQLITE_ROWS_H_
