#include "master/store/sqlite_rows.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "master/store/sqlite_successes.h"

namespace tarea {

int64_t TaskFlagsOf(const TaskRow& row) {
  return (row.core.run_on_parent_failure ? kFlagRunOnParentFailure : 0) |
         (row.core.has_key ? kFlagHasKey : 0) | (row.core.has_dependents ? kFlagHasDependents : 0) |
         (row.has_labels ? kFlagHasLabels : 0);
}

void SetTaskFlags(int64_t flags, TaskRow& row) {
  row.core.run_on_parent_failure = (flags & kFlagRunOnParentFailure) != 0;
  row.core.has_key = (flags & kFlagHasKey) != 0;
  row.core.has_dependents = (flags & kFlagHasDependents) != 0;
  row.has_labels = (flags & kFlagHasLabels) != 0;
}

int64_t StateFlagsOf(const TaskCore& task) {
  return (task.lease_lost ? kFlagLeaseLost : 0) |
         (task.cancel_requested ? kFlagCancelRequested : 0) |
         (task.has_outcome ? kFlagHasOutcome : 0);
}

void SetStateFlags(int64_t flags, TaskCore& task) {
  task.lease_lost = (flags & kFlagLeaseLost) != 0;
  task.cancel_requested = (flags & kFlagCancelRequested) != 0;
  task.has_outcome = (flags & kFlagHasOutcome) != 0;
}

TaskState ReadState(const Query& query, int column) {
  const int64_t number = query.Int(column);
  const auto state = static_cast<TaskState>(number);
  if (number < 1 || number > kTaskStates || state == TaskState::kRunning) {
    ThrowDamaged(absl::StrCat("the state of a task is ", number));
  }
  return state;
}

TaskRow ReadFreshRow(const Query& query) {
  TaskRow row;
  row.fresh = true;
  TaskCore& core = row.core;
  core.id = query.Int(0);
  core.batch_id = query.Int(1);
  row.lane_id = query.Int(2);
  core.priority = query.SmallInt(3);
  SetTaskFlags(query.Int(4), row);
  core.created_at = query.Time(5);
  core.ready_at = core.created_at;
  core.max_attempts = query.SmallInt(6);
  row.payload_bytes = query.Int(7);
  return row;
}

TaskRow ReadTaskRow(const Query& query) {
  TaskRow row = ReadFreshRow(query);
  int column = kFreshColumns;
  if (query.IsNull(column)) return row;
  row.fresh = false;
  TaskCore& core = row.core;
  core.state = ReadState(query, column++);
  SetStateFlags(query.Int(column++), core);
  core.attempt = query.SmallInt(column++);
  core.max_attempts = query.SmallInt(column++);
  core.blocked_on = query.SmallInt(column++);
  core.ready_at = query.Time(column++);
  core.start_by = query.Time(column++);
  core.lease_id = query.Int(column++);
  core.worker = query.Bytes(column++);
  core.started_at = query.Time(column++, absl::InfinitePast());
  core.finished_at = query.Time(column++);
  core.finish_seq = query.Int(column++);  // NULL reads as 0
  return row;
}

// So that the sum over all states and queues is still a number.
constexpr int64_t kLimit = int64_t{1} << 45;

int64_t ReadBytes(const Query& query, int column) { return query.Int(column, kLimit); }

Counts ReadCounts(const Query& query, int first_column) {
  Counts counts;
  for (int i = 0; i < kTaskStates; ++i) counts.by_state[i] = query.Int(first_column + i, kLimit);
  return counts;
}

Batch ReadBatch(const Query& query) {
  Batch batch;
  batch.id = query.Int(0);
  batch.name = query.Bytes(1);
  batch.created_at = query.Time(2);
  batch.idle_since = query.Time(3);
  batch.open = query.Int(4) != 0;
  batch.counts = ReadCounts(query, 5);
  return batch;
}

std::optional<TaskRow> LoadTaskRow(SqliteConnection& connection, TaskId id) {
  Query query(connection, "SELECT " TAREA_TASK_COLUMNS " FROM " TAREA_TASK_TABLES " WHERE t.id = ?",
              id);
  if (!query.Next()) return std::nullopt;
  TaskRow row = ReadTaskRow(query);
  if (row.fresh) SuccessView(connection).Apply(row.core);
  return row;
}

TaskRow MustLoadTaskRow(SqliteConnection& connection, TaskId id) {
  std::optional<TaskRow> row = LoadTaskRow(connection, id);
  if (!row.has_value()) ThrowDamaged(absl::StrCat("there is no row of task ", id));
  return *std::move(row);
}

std::optional<std::string> RetryText(const RetryPolicy& policy) {
  static const RetryPolicy kDefault;
  if (policy.initial_backoff == kDefault.initial_backoff &&
      policy.multiplier == kDefault.multiplier && policy.max_backoff == kDefault.max_backoff &&
      policy.jitter == kDefault.jitter && policy.non_retryable_codes.empty()) {
    return std::nullopt;
  }
  // 17 digits bring a double back as it was.
  return absl::StrFormat("%d %.17g %d %.17g %s", absl::ToInt64Microseconds(policy.initial_backoff),
                         policy.multiplier, absl::ToInt64Microseconds(policy.max_backoff),
                         policy.jitter, JoinNumbers(policy.non_retryable_codes));
}

RetryPolicy LoadRetryPolicy(SqliteConnection& connection, TaskId id) {
  Query query(connection, "SELECT max_attempts, retry FROM tasks WHERE id = ?", id);
  RetryPolicy policy;
  if (!query.Next()) return policy;
  policy.max_attempts = query.SmallInt(0);
  if (query.IsNull(1)) return policy;
  const std::string text = query.Bytes(1);
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ' ');
  int64_t initial = 0;
  int64_t longest = 0;
  if (parts.size() != 5 || !absl::SimpleAtoi(parts[0], &initial) ||
      !absl::SimpleAtod(parts[1], &policy.multiplier) || !absl::SimpleAtoi(parts[2], &longest) ||
      !absl::SimpleAtod(parts[3], &policy.jitter)) {
    return policy;
  }
  policy.initial_backoff = absl::Microseconds(initial);
  policy.max_backoff = absl::Microseconds(longest);
  policy.non_retryable_codes = SplitNumbers<int>(std::string(parts[4]));
  return policy;
}

std::map<std::string, std::string> LoadLabels(SqliteConnection& connection, TaskId id) {
  Query query(connection, "SELECT name, value FROM labels WHERE task_id = ?", id);
  std::map<std::string, std::string> labels;
  while (query.Next()) labels.emplace(query.Bytes(0), query.Bytes(1));
  return labels;
}

std::vector<Attempt> LoadAttempts(SqliteConnection& connection, TaskId id) {
  Query query(connection,
              "SELECT number, outcome, lease_id, worker, started_at, ended_at, error_code, "
              "error_message FROM attempts WHERE task_id = ? ORDER BY number",
              id);
  std::vector<Attempt> attempts;
  while (query.Next()) {
    Attempt attempt;
    attempt.number = query.SmallInt(0);
    attempt.outcome = static_cast<AttemptOutcome>(query.Int(1));
    attempt.lease_id = query.Int(2);
    attempt.worker = query.Bytes(3);
    attempt.started_at = query.Time(4);
    attempt.ended_at = query.Time(5);
    attempt.error = {query.SmallInt(6), query.Bytes(7)};
    attempts.push_back(std::move(attempt));
  }
  return attempts;
}

template <typename T>
std::string JoinNumbers(const std::vector<T>& numbers) {
  return absl::StrJoin(numbers, ",");
}

template <typename T>
std::vector<T> SplitNumbers(const std::string& text) {
  std::vector<T> numbers;
  for (const absl::string_view piece : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    T number = 0;
    if (absl::SimpleAtoi(piece, &number)) numbers.push_back(number);
  }
  return numbers;
}

template std::string JoinNumbers(const std::vector<int>&);
template std::string JoinNumbers(const std::vector<int64_t>&);
template std::vector<int> SplitNumbers(const std::string&);
template std::vector<int64_t> SplitNumbers(const std::string&);

}  // namespace tarea
