#ifndef TAREA_MASTER_STORE_SQLITE_WRITER_H_
#define TAREA_MASTER_STORE_SQLITE_WRITER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "master/store/disk_reserve.h"
#include "master/store/id_pairs.h"
#include "master/store/lease_ids.h"
#include "master/store/lifecycle.h"
#include "master/store/sqlite_checkpointer.h"
#include "master/store/sqlite_connection.h"
#include "master/store/sqlite_ready.h"
#include "master/store/sqlite_rows.h"
#include "master/store/sqlite_running.h"
#include "master/store/sqlite_successes.h"
#include "master/store/store.h"

namespace tarea {

// The verbs of a store as SQL, on the one connection that writes. What they have in common is here:
// the counts that go with every change of a state, what becomes final, ids. Verbs throw
// SQLite::Exception; SqliteTransaction is the place that catches it. Not thread-safe.
//
// Between Begin and Commit the caches below run ahead of the database; Rollback reads them again.
class SqliteWriter {
 public:
  // `connection`, `reserve` and `checkpointer`, which is told when the log is long, must outlive
  // it; `long_log` is how many pages of log make it a long one. Only reads; nothing may be claimed
  // before BeginEpoch.
  SqliteWriter(SqliteConnection& connection, const StoreLimits& limits, const DiskReserve& reserve,
               SqliteCheckpointer& checkpointer, int long_log);

  // Reads from the database which epoch leases are of from here on, and which ids come next. It
  // must be durable, and the epoch greater than all before.
  void BeginEpoch();

  void Begin();
  void Commit();
  void Rollback();
  const Effects& effects() const { return effects_; }
  absl::Time last_time() const { return last_time_; }
  // Given out so far; ahead of the database between Begin and Commit.
  TaskId last_task() const { return last_task_; }
  BatchId last_batch() const { return last_batch_; }

  // Store::Transaction's verbs.
  absl::StatusOr<InsertAnswer> Insert(absl::Time now, const InsertRequest& request);
  std::vector<LeasedTask> Claim(absl::Time now, absl::Duration lease, const ClaimRequest& request);
  std::vector<ResultStatus> Complete(absl::Time now, absl::Span<const TaskResult> results);
  std::vector<Stop> Renew(absl::Time now, absl::Duration lease, absl::Span<const Lease> leases);
  AdvanceAnswer Advance(absl::Time now, int64_t limit);
  void ExtendLeases(absl::Time until);
  absl::StatusOr<CancelAnswer> Cancel(absl::Time now, const Selection& selection,
                                      const std::string& reason);
  absl::StatusOr<RetryAnswer> Retry(absl::Time now, const Selection& selection);
  void SetPaused(const std::string& queue, bool paused);
  int64_t Purge(absl::Time now, absl::Time before, int64_t limit);

 private:
  struct Lane {
    int64_t id = 0;
    std::string queue;
    std::string type;
    Counts counts;
    int64_t bytes = 0;  // of payloads of unfinished tasks
    bool dirty = false;
  };
  struct BatchChange {
    Counts delta;
    bool moved = false;   // a task changed its state, as opposed to being purged
    absl::Time moved_at;  // when the last one did
  };
  // Where a task is to be found before it is changed.
  struct Place {
    TaskState state = TaskState::kReady;
    absl::Time ready_at;
  };
  static Place PlaceOf(const TaskCore& task) { return {task.state, task.ready_at}; }
  // What Insert finds out before it writes.
  struct InsertPlan;
  // What a claim has taken so far.
  struct ClaimAnswer {
    std::vector<LeasedTask> tasks;
    int64_t bytes = 0;
  };

  // --- Shared by the verbs (sqlite_writer.cc) ---
  void LoadCaches();
  void LoadMeta();
  // The task with this id as it is now, if there is one.
  std::optional<TaskRow> Load(TaskId id);
  // One that must be there, or the database is damaged: this throws then, as does LaneById.
  TaskRow MustLoad(TaskId id);
  Lane& LaneById(int64_t id);
  Lane& LaneOf(const std::string& queue, const std::string& type);  // makes it if it is new
  // Lanes that exist of these queues and types (empty: all types), each once.
  std::vector<Lane*> FindLanes(const std::vector<std::string>& queues,
                               const std::vector<std::string>& types);
  QueueLoad LoadOf(const std::string& queue) const;
  void MarkDirty(Lane& lane);
  void Tick(absl::Time now);
  void NoteDue(absl::Time at);
  // Counts a task in its new state; `from` is the one it leaves, none for a new task.
  void CountMove(const TaskRow& row, std::optional<TaskState> from);
  // What goes with becoming final: finish_seq, its key, the settling of its dependents.
  void Finalize(TaskRow& row);
  // Writes a task whose core was changed by lifecycle.h, with all that follows from it. A claim is
  // not written so.
  void Save(TaskRow& row, const Place& from);
  void WriteState(const TaskCore& task, int64_t more_flags = 0);
  // Writes what has changed of a task that goes on running: flags.
  void SaveRunning(const TaskRow& row);
  void WriteOutcome(TaskRow& row, const TaskError& error, const std::string& result);
  // Writes how an attempt ended, then the task.
  void SaveAttemptEnd(TaskRow& row, const Place& from, const AttemptEnd& end,
                      const std::string& result);
  void CancelWith(TaskRow& row, const TaskError& error, absl::Time now);
  void AddDependent(TaskId parent, TaskId child);
  void FlushCounts();
  void FlushFinished();

  // --- Insert (sqlite_insert.cc) ---
  absl::StatusOr<std::optional<InsertAnswer>> FindRequest(absl::Time now,
                                                          const InsertRequest& request);
  absl::Status CheckBatch(const InsertRequest& request);
  absl::Status CheckTask(const InsertRequest& request, int index, absl::Time now, InsertPlan& plan);
  absl::Status CheckLimits(const InsertRequest& request);
  void WriteTask(const TaskSpec& spec, const std::vector<TaskId>& depends_on,
                 const TaskError& error, TaskRow& row);
  void RememberRequest(absl::Time now, const InsertRequest& request, const InsertAnswer& answer);

  // --- Work (sqlite_work.cc) ---
  // Leases tasks with neighbouring ids, fresh ones or others; fewer if max_bytes is reached.
  void LeaseRange(TaskId first, TaskId last, bool fresh, const ClaimRequest& request,
                  ClaimAnswer& answer);
  ResultStatus CompleteOne(absl::Time now, const TaskResult& result);

  // --- Timers (sqlite_timers.cc) ---
  int64_t ExpireLeases(absl::Time now, int64_t limit, absl::btree_set<std::string>& lost_workers);
  int64_t PromoteScheduled(absl::Time now, int64_t limit);
  int64_t ExpireStarts(absl::Time now, int64_t limit);
  int64_t SettleParents(absl::Time now, int64_t limit);
  void SettleChild(TaskId child, TaskId parent, TaskState parent_state, absl::Time now);

  // --- Cancel, retry, purge (sqlite_manage.cc) ---
  absl::StatusOr<std::vector<TaskId>> Select(const Selection& selection, TaskId& next);
  bool RetryOne(absl::Time now, TaskRow& row, bool only_failed);
  // Forgets tasks of a batch until `gone` is `limit`; whether there are none left.
  bool PurgeFinished(BatchId batch, int64_t limit, int64_t& gone);
  void ForgetTask(const TaskRow& row);

  SqliteConnection& connection_;
  const StoreLimits limits_;
  const DiskReserve& reserve_;
  LeaseIds lease_ids_ = LeaseIds(0);
  ReadyTasks ready_;
  RunningTasks running_;
  SuccessWriter successes_;

  SqliteCheckpointer& checkpointer_;
  const int long_log_;
  int log_pages_ = 0;
  int told_pages_ = 0;  // how long the log was when the checkpointer was last told

  // Caches of what is small and always needed.
  int64_t last_task_ = 0;
  int64_t last_batch_ = 0;
  int64_t last_finish_ = 0;
  absl::Time last_time_ = absl::InfinitePast();
  absl::btree_map<std::pair<std::string, std::string>, std::unique_ptr<Lane>> lanes_;
  absl::flat_hash_map<int64_t, Lane*> lanes_by_id_;
  absl::btree_set<std::string> paused_;

  // Of the transaction that is open.
  absl::btree_map<BatchId, BatchChange> batch_changes_;
  absl::flat_hash_map<int64_t, int64_t> ready_by_lane_;
  absl::btree_map<BatchId, std::vector<IdPair>> finished_;  // task and finish_seq
  std::vector<Lane*> dirty_lanes_;
  Effects effects_;
  int64_t changes_at_begin_ = 0;
};

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_SQLITE_WRITER_H_
