#ifndef TAREA_MASTER_STORE_SQLITE_SUCCESSES_H_
#define TAREA_MASTER_STORE_SQLITE_SUCCESSES_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "master/store/sqlite_connection.h"
#include "master/store/task.h"

namespace tarea {

// Tasks of a batch with neighbouring ids that succeeded in their first attempt and in one
// transaction, after they were claimed together: a row of `successes`. Lease ids and finish_seqs
// are neighbours like the ids.
struct SuccessRun {
  BatchId batch_id = 0;
  TaskId first_id = 0;
  TaskId last_id = 0;
  bool has_outcome = false;
  LeaseId first_lease = 0;
  int64_t first_seq = 0;
  std::string worker;
  absl::Time started_at;
  absl::Time finished_at;

  bool Has(BatchId batch, TaskId id) const {
    return batch == batch_id && id >= first_id && id <= last_id;
  }
};

// Writes such runs. Not thread-safe; throws SQLite::Exception.
class SuccessWriter {
 public:
  explicit SuccessWriter(SqliteConnection& connection) : connection_(connection) {}

  // `task` has succeeded in its first attempt and has no row in `states`. Written with the next one
  // that is no neighbour, or by Flush.
  void Add(const TaskCore& task);
  void Flush();
  // Forgets what was not written.
  void Clear() { growing_.reset(); }

 private:
  SqliteConnection& connection_;
  std::optional<SuccessRun> growing_;
};

// Looks tasks up. Neighbours, one after the other, are found without asking the database again. Not
// thread-safe; throws SQLite::Exception.
class SuccessView {
 public:
  explicit SuccessView(SqliteConnection& connection) : connection_(connection) {}

  bool Has(BatchId batch, TaskId id);
  // Brings a task that has no row in `states` to SUCCEEDED if it has; whether it has.
  bool Apply(TaskCore& task);

 private:
  SqliteConnection& connection_;
  SuccessRun last_;  // that was found
  // None of these is in a run.
  BatchId none_of_ = 0;
  TaskId none_from_ = 0;
  TaskId none_until_ = -1;
};

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_SQLITE_SUCCESSES_H_
