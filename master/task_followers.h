#ifndef TAREA_MASTER_TASK_FOLLOWERS_H_
#define TAREA_MASTER_TASK_FOLLOWERS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/recent_output.h"
#include "master/store/store.h"
#include "master/worker_registry.h"

namespace tarea {

// A task that a worker is to send the output of, from these offsets on.
struct FollowOrder {
  LeaseId lease_id = 0;
  OutputOffsets offsets;

  friend bool operator==(const FollowOrder&, const FollowOrder&) = default;
};

// Who follows the output of which task. Output is asked of a worker only while somebody follows,
// and passes through memory: of each followed task the last bytes of each stream are kept for those
// who read slowly, and nothing once the last of them has gone. Thread-safe.
class TaskFollowers {
 private:
  struct Entry;
  struct Run;

 public:
  // What a follower has not seen yet.
  struct News {
    // Whose output it is: the lease under which the task runs or ran; 0 if it never did.
    LeaseId lease_id = 0;
    int attempt = 0;
    std::vector<OutputChunk> chunks;
    // There is no more to take.
    bool drained = true;
    // Nor had the task written more when its worker last spoke.
    bool caught_up = false;
  };

  // One who follows. Not thread-safe.
  class Follower {
   public:
    ~Follower();
    Follower(const Follower&) = delete;
    Follower& operator=(const Follower&) = delete;

    // Takes what comes next, at most `max_bytes` of it: of one run, and only when that is drained
    // of the one that the task is in by now.
    News Take(size_t max_bytes);

    // Blocks until there is output to take, or the task may have changed, or `timeout` is over, or
    // the followers are shut down. Answers whether it may have changed since the last call that
    // said so.
    bool Await(absl::Duration timeout);

   private:
    friend class TaskFollowers;
    Follower(TaskFollowers* owner, Entry* entry, LeaseId lease, OutputOffsets offsets)
        : owner_(owner), entry_(entry), resume_lease_(lease), resume_offsets_(offsets) {}

    TaskFollowers* const owner_;
    Entry* const entry_;
    const LeaseId resume_lease_;
    const OutputOffsets resume_offsets_;
    // The rest is guarded by owner_->mu_.
    std::shared_ptr<const Run> run_;  // outlives the task's next run until it is drained
    OutputOffsets position_;          // in run_
    bool told_caught_up_ = false;
    bool changed_ = false;
    absl::CondVar wake_;
  };

  // At most `max_followers` at a time; for each task that they follow `max_output` bytes of each
  // stream. `clock` must outlive it.
  TaskFollowers(Clock* clock, int max_followers, int64_t max_output)
      : clock_(clock), max_followers_(max_followers), max_output_(max_output) {}

  // Begins to follow a task of this batch. Of the run with this lease, if it is the current one,
  // only what is behind `offsets`. RESOURCE_EXHAUSTED: too many. UNAVAILABLE: shutting down.
  absl::StatusOr<std::unique_ptr<Follower>> Add(TaskId task, BatchId batch, LeaseId lease,
                                                OutputOffsets offsets) ABSL_LOCKS_EXCLUDED(mu_);

  // --- What becomes of tasks

  // A task was read, or some were claimed. Answers whether the worker has something new to be told.
  bool Saw(const TaskCore& task) ABSL_LOCKS_EXCLUDED(mu_);
  bool Claimed(const std::string& worker, const std::vector<LeasedTask>& tasks)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Something has changed in these batches.
  void Changed(const absl::btree_set<BatchId>& batches) ABSL_LOCKS_EXCLUDED(mu_);

  // --- What workers say

  // Output of a run; ignored unless somebody follows it.
  void Wrote(const Lease& lease, const TaskOutput& output) ABSL_LOCKS_EXCLUDED(mu_);
  // The same from a heartbeat, and news of how far the tasks are.
  void Heard(const std::vector<HeldLease>& held) ABSL_LOCKS_EXCLUDED(mu_);

  // --- What workers have to be told

  bool IsFollowed(TaskId task) ABSL_LOCKS_EXCLUDED(mu_);
  // Every run on this worker that is followed. From now on it counts as told.
  std::vector<FollowOrder> OrdersFor(const std::string& worker) ABSL_LOCKS_EXCLUDED(mu_);
  enum class Parking {
    kLong,   // nothing of what the worker has is followed
    kShort,  // something is, and the worker was told
    kNone    // it holds something that it was not told of yet
  };
  // How long a heartbeat of `worker` that came with `held` may park.
  Parking ParkingOf(const std::string& worker, const std::vector<HeldLease>& held)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Ends every wait, now and from now on.
  void Shutdown() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // What one lease of a task has written.
  struct Run {
    Run(LeaseId lease_id, int number, int64_t max_output)
        : lease(lease_id), attempt(number), output(max_output) {}

    const LeaseId lease;
    const int attempt;
    RecentOutput output;
    OutputOffsets sizes;  // by what its worker last said
    bool heard = false;   // it has said something
    bool told = false;    // its worker was told to send it
  };
  struct Entry {
    TaskId task = 0;
    BatchId batch = 0;
    std::string worker;        // that has it now; empty if none
    std::shared_ptr<Run> run;  // the latest; null if there was none
    std::optional<TaskProgress> progress;
    absl::btree_set<Follower*> followers;
  };

  Entry* Find(TaskId task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Answers whether it is a new one.
  bool SetRun(Entry& entry, LeaseId lease, int attempt, const std::string& worker)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WroteLocked(const Lease& lease, const TaskOutput& output) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Wake(Entry& entry, bool changed);
  // Whether Take has something to tell.
  static bool HasNews(const Follower& follower);
  // Whether nothing is kept behind `position`, and whether the worker had written nothing more.
  static bool Drained(const Run& run, OutputOffsets position);
  static bool CaughtUp(const Run& run, const OutputOffsets& position);

  Clock* const clock_;
  const int max_followers_;
  const int64_t max_output_;
  absl::Mutex mu_;
  bool shutdown_ ABSL_GUARDED_BY(mu_) = false;
  int count_ ABSL_GUARDED_BY(mu_) = 0;
  absl::flat_hash_map<TaskId, std::unique_ptr<Entry>> entries_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tarea

#endif  // TAREA_MASTER_TASK_FOLLOWERS_H_
