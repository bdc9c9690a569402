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

// A row of `tasks` with its row of `states`.
struct TaskRow {
  TaskCore core;
  int64_t lane_id = 0;
  bool has_labels = false;
  bool fresh = false;  // it has no row of `states`
  int64_t payload_bytes = 0;
};

// Bits of tasks.flags.
inline constexpr int64_t kFlagRunOnParentFailure = 4;
inline constexpr int64_t kFlagHasKey = 8;
inline constexpr int64_t kFlagHasDependents = 16;
inline constexpr int64_t kFlagHasLabels = 64;
int64_t TaskFlagsOf(const TaskRow& row);
void SetTaskFlags(int64_t flags, TaskRow& row);

// Bits of states.flags.
inline constexpr int64_t kFlagLeaseLost = 1;
inline constexpr int64_t kFlagCancelRequested = 2;
inline constexpr int64_t kFlagHasOutcome = 32;
inline constexpr int64_t kFlagStarted = 128;  // runs, so start_by has been kept
int64_t StateFlagsOf(const TaskCore& task);
void SetStateFlags(int64_t flags, TaskCore& task);

// The columns of a TaskRow in the order that ReadTaskRow expects, for a SELECT that begins with
// them from TAREA_TASK_TABLES. A task that runs, or is one of `successes`, reads as it was before
// its claim: READY.
#define TAREA_FRESH_COLUMNS                                                          \
  "t.id, t.batch_id, t.lane_id, t.priority, t.flags, t.created_at, t.max_attempts, " \
  "length(t.payload)"
inline constexpr int kFreshColumns = 8;
#define TAREA_TASK_COLUMNS                                                                \
  TAREA_FRESH_COLUMNS                                                                     \
  ", s.state, s.flags, s.attempt, s.max_attempts, s.blocked_on, s.ready_at, s.start_by, " \
  "s.lease_id, s.worker, s.started_at, s.finished_at, s.finish_seq"
inline constexpr int kTaskColumns = kFreshColumns + 12;
#define TAREA_TASK_TABLES "tasks t LEFT JOIN states s ON s.id = t.id"
TaskRow ReadTaskRow(const Query& query);
// A state as it is stored, which is never RUNNING.
TaskState ReadState(const Query& query, int column);
// From TAREA_FRESH_COLUMNS: a task without a row in states.
TaskRow ReadFreshRow(const Query& query);

// Counts from seven columns.
#define TAREA_COUNT_COLUMNS "blocked, scheduled, ready, running, succeeded, failed, cancelled"
Counts ReadCounts(const Query& query, int first_column);
// lanes.unfinished_bytes.
int64_t ReadBytes(const Query& query, int column);

// A batch from a SELECT of these.
#define TAREA_BATCH_COLUMNS "id, name, created_at, idle_since, open, " TAREA_COUNT_COLUMNS
Batch ReadBatch(const Query& query);

// The task with this id, if there is one. One that runs reads as READY.
std::optional<TaskRow> LoadTaskRow(SqliteConnection& connection, TaskId id);
// One that must be there, or the database is damaged: this throws then.
TaskRow MustLoadTaskRow(SqliteConnection& connection, TaskId id);

// A retry policy but for max_attempts, which has a column of its own: initial_backoff, multiplier,
// max_backoff, jitter and the codes with commas between. Nothing for the default policy.
std::optional<std::string> RetryText(const RetryPolicy& policy);
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
