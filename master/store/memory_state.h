#ifndef TAREA_MASTER_STORE_MEMORY_STATE_H_
#define TAREA_MASTER_STORE_MEMORY_STATE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "absl/time/time.h"
#include "master/store/snapshot_map.h"
#include "master/store/store.h"
#include "master/store/task.h"

namespace tarea {

struct MemoryTask {
  TaskCore core;
  std::shared_ptr<const TaskSpec> spec;  // with depends_on as ids; never changes
  int64_t lane = 0;
  std::string result;
  TaskError error;
  std::map<int, Attempt> attempts;  // by number; the current and the successful one have none
};

struct MemoryLane {
  int64_t id = 0;  // short for queue and type in keys
  Counts counts;
  int64_t bytes = 0;  // of payloads of unfinished tasks
};

struct MemoryRequest {
  std::string content_hash;
  InsertAnswer answer;
  absl::Time expires_at;
};

// A finished task whose dependents have not all been told.
struct MemoryParent {
  TaskId id = 0;
  TaskState state = TaskState::kSucceeded;
};

// All that a memory store holds, as a value: a copy is a snapshot, costs nothing, and stays as it
// is whatever becomes of the original.
struct MemoryState {
  using LaneName = std::pair<std::string, std::string>;                     // queue, type
  using ReadyKey = std::tuple<int64_t, int64_t, absl::Time, TaskId>;        // lane, -priority,
                                                                            // ready_at, task
  using TimeKey = std::pair<absl::Time, int64_t>;                           // due, what
  using FinishedKey = std::tuple<BatchId, int64_t /*finish_seq*/, TaskId>;  // in order of ending

  // The task, or nullptr.
  const MemoryTask* Find(TaskId id) const;
  // Adds or replaces a task and keeps everything in step with it that follows from tasks: the
  // counts and all that is listed under "Indexes". Its batch and its lane must exist.
  void Put(MemoryTask task);
  // Takes a task out as if it had never been.
  void Forget(TaskId id);
  // Notes at `now` whether a batch has unfinished tasks.
  void SetIdle(BatchId id, absl::Time now);

  void ForgetBatch(BatchId id);  // which has no tasks any more

  bool IsPaused(const std::string& queue) const;
  int64_t LaneOf(const std::string& queue, const std::string& type);  // makes it if need be
  QueueLoad LoadOf(const std::string& queue) const;
  // Calls visit(name, lane) for each lane of a queue, by type.
  template <typename Visit>
  void VisitLanes(const std::string& queue, Visit visit) const {
    for (const auto* entry = lanes.AtLeast({queue, ""});
         entry != nullptr && entry->first.first == queue; entry = lanes.After(entry->first)) {
      visit(entry->first, entry->second);
    }
  }

  // --- What is stored
  SnapshotMap<TaskId, std::shared_ptr<const MemoryTask>> tasks;
  SnapshotMap<BatchId, Batch> batches;
  SnapshotMap<LaneName, MemoryLane> lanes;
  SnapshotSet<std::string> paused;  // queues
  SnapshotMap<std::string, MemoryRequest> requests;
  SnapshotSet<std::pair<absl::Time, std::string>> requests_by_expiry;
  // (parent, child): who waits for whom, until the parent is settled.
  SnapshotSet<std::pair<TaskId, TaskId>> dependents;
  SnapshotMap<int64_t, MemoryParent> settling;  // by finish_seq
  // Given out last; also by those that were purged since.
  TaskId last_task = 0;
  BatchId last_batch = 0;
  int64_t last_finish = 0;
  absl::Time last_time = absl::InfinitePast();

  // --- Indexes
  SnapshotSet<ReadyKey> ready;
  SnapshotSet<TimeKey> scheduled;  // SCHEDULED, by ready_at
  SnapshotSet<TimeKey> leased;     // RUNNING, by lease_until
  SnapshotSet<TimeKey> start_by;   // waiting for a first attempt that has a time limit
  SnapshotSet<FinishedKey> finished;
  SnapshotSet<TimeKey> idle;  // batches without unfinished tasks, by idle_since
  SnapshotSet<std::pair<BatchId, TaskId>> by_batch;
  SnapshotMap<std::pair<std::string, std::string>, TaskId> keys;  // queue, key: unfinished tasks

 private:
  void Reindex(const MemoryTask* before, const MemoryTask* after);
  void Count(const MemoryTask* before, const MemoryTask* after);
};

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_MEMORY_STATE_H_
