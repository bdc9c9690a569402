#ifndef TAREA_MASTER_STORE_SQLITE_RUNNING_H_
#define TAREA_MASTER_STORE_SQLITE_RUNNING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "master/store/id_pairs.h"
#include "master/store/sqlite_connection.h"
#include "master/store/sqlite_rows.h"
#include "master/store/store.h"

namespace tarea {

// The tasks that run. They are few, as many as workers hold, so they are kept here, and in the
// table `claims` for the next start: a row for all tasks that one call claimed, since these have a
// worker, a start and mostly an end in common. What is renewed apart from the others of its claim
// becomes a claim of its own.
//
// Not thread-safe; throws SQLite::Exception. Nothing is written before Flush.
class RunningTasks {
 public:
  // `connection` must outlive it.
  explicit RunningTasks(SqliteConnection& connection) : connection_(connection) {}

  // Reads all of them anew.
  void Load();

  // The task as it is now, RUNNING, if it runs.
  std::optional<TaskRow> Find(TaskId id) const;
  bool Runs(const Lease& lease) const;
  bool IsCancelled(TaskId id) const;  // it runs, and its cancel was asked for

  // Tasks from here to the next call are claimed together.
  void BeginClaim(const std::string& worker, absl::Time now, absl::Duration lease);
  // Adds one; `row` was READY and becomes RUNNING.
  void Start(TaskRow& row, LeaseId lease_id);

  // What may change of a task while it runs; nothing if it does not.
  void SetDependents(TaskId id);
  void SetCancelRequested(const TaskCore& task);  // it has a row of `states` now

  // Its attempt has ended.
  void End(const TaskRow& row);

  // Extends leases, each of which is that of a running task, until `until` if they end before.
  void Renew(absl::Span<const TaskId> ids, absl::Time until);
  void ExtendAll(absl::Time until);

  // Up to `limit` tasks whose leases have ended at `now`: the one that ended first, then the one
  // with the smallest id comes first.
  std::vector<TaskId> Expired(absl::Time now, int64_t limit) const;

  // Writes what has changed.
  void Flush();

 private:
  using ClaimId = int64_t;
  struct Claim {
    std::string worker;
    absl::Time started_at;
    absl::Time lease_until;
    std::vector<IdPair> tasks;  // with those that have ended since it was written
    int64_t running = 0;
    enum class Change { kNone, kLease, kAll } change = Change::kAll;
    bool stored = false;
  };
  // A TaskRow without what its claim says: there are thousands, looked up in no order.
  struct Running {
    ClaimId claim = 0;
    LeaseId lease_id = 0;
    BatchId batch_id = 0;
    int64_t lane_id = 0;
    int64_t created_at = 0;  // microseconds
    int64_t ready_at = 0;
    std::optional<int64_t> start_by;
    int32_t priority = 0;
    int32_t attempt = 0;
    int32_t max_attempts = 0;
    uint8_t task_flags = 0;  // kFlag...
    uint8_t state_flags = 0;
    bool fresh = false;
    int64_t payload_bytes = 0;
  };
  static Running Pack(const TaskRow& row, ClaimId claim);

  ClaimId NewClaim(const std::string& worker, absl::Time started_at, absl::Time lease_until);
  Claim& Touch(ClaimId id, Claim::Change change);
  void SetLease(ClaimId id, absl::Time until);
  // Makes these tasks of one claim a claim of their own.
  ClaimId Split(ClaimId from, absl::Span<const TaskId> ids);
  void Write(ClaimId id, Claim& claim);

  SqliteConnection& connection_;
  absl::flat_hash_map<TaskId, Running> running_;
  absl::flat_hash_map<ClaimId, Claim> claims_;
  absl::btree_set<std::pair<absl::Time, ClaimId>> by_lease_;  // that have running tasks
  ClaimId last_claim_ = 0;
  ClaimId current_ = 0;
  std::vector<ClaimId> changed_;
};

// What a snapshot of the database says about who runs: for reads.
class RunningView {
 public:
  // Reads nothing before it is asked, and then the claims around the task that it is asked about.
  explicit RunningView(SqliteConnection& connection) : connection_(connection) {}

  // Whether a task that reads as READY is listed in a claim.
  bool Runs(TaskId id);
  // Brings a task that reads as READY to RUNNING if it is listed in a claim.
  void Apply(TaskCore& task);

 private:
  struct Lease {
    LeaseId id = 0;
    size_t claim = 0;
  };
  struct Claim {
    std::string worker;
    absl::Time started_at;
    absl::Time lease_until;
  };
  void Load(TaskId id);

  SqliteConnection& connection_;
  // What is known of: tasks from low_ to high_.
  TaskId low_ = 0;
  TaskId high_ = -1;
  TaskId window_ = 0;  // how far to look to both sides, the next time
  std::vector<Claim> claims_;
  absl::flat_hash_map<TaskId, Lease> leases_;
};

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_SQLITE_RUNNING_H_
