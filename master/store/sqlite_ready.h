#ifndef TAREA_MASTER_STORE_SQLITE_READY_H_
#define TAREA_MASTER_STORE_SQLITE_READY_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
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
  // Forgets what was not written.
  void Clear() { growing_.reset(); }

  // `row` was READY since `ready_at` and is not any more, or since another time.
  void Remove(const TaskRow& row, absl::Time ready_at);

  // The next runs of a lane after `after` whose tasks may start at `now`: `runs` of them, unless
  // there are fewer.
  std::vector<ReadyRun> Next(int64_t lane_id, absl::Time now, const std::optional<ReadyRun>& after,
                             int runs);

  // The first `tasks` of a run that Next has answered are not ready any more.
  void Take(const ReadyRun& run, int64_t tasks);

 private:
  void Insert(const ReadyRun& run);
  void Delete(const ReadyRun& run);
  void MoveFirst(const ReadyRun& run, TaskId first_id);

  SqliteConnection& connection_;
  std::optional<ReadyRun> growing_;
};

// Merges lanes: answers their ready tasks in the order in which they are given out. Reads no more
// of a lane than it needs. Nothing of them may change meanwhile. Not thread-safe.
class ReadyMerge {
 public:
  // Neighbours of one run.
  struct Piece {
    size_t run = 0;  // an index of runs()
    TaskId first_id = 0;
    TaskId last_id = 0;

    int64_t size() const { return last_id - first_id + 1; }
  };

  // Of tasks that may start at `now`. `ready` must outlive it.
  ReadyMerge(ReadyTasks& ready, absl::Time now) : ready_(ready), now_(now) {}

  // `queue` is that of the lane, and must outlive it.
  void AddLane(int64_t lane_id, absl::string_view queue);

  // Appends the next `tasks`, of `queue` or (if it is empty) of all lanes, to pieces(). Fewer if
  // there are no more.
  void Take(int64_t tasks, absl::string_view queue = "");

  const std::vector<ReadyRun>& runs() const { return runs_; }
  const std::vector<Piece>& pieces() const { return pieces_; }

 private:
  struct Lane {
    int64_t id = 0;
    absl::string_view queue;
    std::vector<ReadyRun> read;  // that nothing was taken of yet, but for the first
    size_t at = 0;
    size_t run = 0;  // index of runs_ of read[at]
    TaskId next_id = 0;
    int chunk = 0;  // how many it was last asked for
  };

  // Goes to the run after the current one; false if there is none.
  bool Advance(Lane& lane);
  const ReadyRun& Current(const Lane& lane) const { return lane.read[lane.at]; }
  bool Before(const Lane& a, const Lane& b) const;

  ReadyTasks& ready_;
  const absl::Time now_;
  std::vector<Lane> lanes_;  // those that have more
  std::vector<ReadyRun> runs_;
  std::vector<Piece> pieces_;
};

// When the task of a lane became ready that has been so for longest; InfiniteFuture if none is.
absl::Time OldestReady(SqliteConnection& connection, int64_t lane_id);

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_SQLITE_READY_H_
