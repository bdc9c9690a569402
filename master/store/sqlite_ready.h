#ifndef TAREA_MASTER_STORE_SQLITE_READY_H_
#define TAREA_MASTER_STORE_SQLITE_READY_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "master/store/sqlite_connection.h"
#include "master/store/sqlite_rows.h"

namespace tarea {

// Tasks of one lane with neighbouring ids that are ready alike: a row of `ready`.
struct ReadyRun {
  int64_t lane_id = 0;
  int64_t urgency = 0;  // -priority
  absl::Time ready_at;
  TaskId first_id = 0;
  TaskId last_id = 0;
  absl::Time start_by = absl::InfiniteFuture();
  bool fresh = false;  // none has a row in `states`

  int64_t size() const { return last_id - first_id + 1; }
};

// The READY tasks of the table `ready`, in the order in which they are given out. Not thread-safe;
// throws SQLite::Exception.
class ReadyTasks {
 public:
  explicit ReadyTasks(SqliteConnection& connection) : connection_(connection) {}

  // `row` became READY.
  void Add(const TaskRow& row);

  // A new task that is READY and has no row in `states`. Neighbours make one run, which is written
  // by Flush: call that before anything else here.
  void AddFresh(const TaskRow& row);
  void Flush();

  // `row` was READY since `ready_at` and is not any more, or since another time.
  void Remove(const TaskRow& row, absl::Time ready_at);

  // The first runs of a lane whose tasks may start at `now`, until they hold `tasks` or more.
  std::vector<ReadyRun> Heads(int64_t lane_id, absl::Time now, int64_t tasks);

  // The first `tasks` of `run`, which Heads has answered, are not ready any more.
  void Take(const ReadyRun& run, int64_t tasks);

 private:
  void Insert(const ReadyRun& run);
  void Delete(const ReadyRun& run);
  void MoveFirst(const ReadyRun& run, TaskId first_id);

  SqliteConnection& connection_;
  std::optional<ReadyRun> growing_;
};

// When the task of a lane became ready that has been so for longest; InfiniteFuture if none is.
absl::Time OldestReady(SqliteConnection& connection, int64_t lane_id);

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_SQLITE_READY_H_
