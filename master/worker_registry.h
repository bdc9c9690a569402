#ifndef TAREA_MASTER_WORKER_REGISTRY_H_
#define TAREA_MASTER_WORKER_REGISTRY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/recent_output.h"
#include "master/store/store.h"

namespace tarea {

// What a worker says of itself with each call.
struct WorkerIdentity {
  std::string id;  // of this run of its process
  std::string name;
  std::string host;
  int pid = 0;
  std::string version;
  int slots = 0;
  std::string peer;   // where its calls come from
  std::string owner;  // name of whom it calls as; empty where nobody is asked
  std::map<std::string, std::string> labels;
};

// How far a running task is, as its worker last said.
struct TaskProgress {
  double fraction = 0;
  std::string message;

  friend bool operator==(const TaskProgress&, const TaskProgress&) = default;
};

struct HeldLease {
  Lease lease;
  std::optional<TaskProgress> progress;   // nothing: no news
  bool stopping = false;                  // its worker knows that it is to stop
  std::optional<TaskOutput> output = {};  // nothing: its worker was not told to send it
};

struct WorkerStatus {
  WorkerIdentity identity;
  std::vector<std::string> queues;
  std::vector<std::string> types;
  int held = 0;         // by its last heartbeat, and what it took and reported since
  absl::Duration idle;  // since it was last heard of
  bool draining = false;
};

// The workers that were heard of recently, in memory only: a master that restarts hears of them
// again within a heartbeat. Also where notices to stop a task wait for the worker's heartbeat.
// Thread-safe.
class WorkerRegistry {
 public:
  // At most `max_workers` at a time; one that was not heard of for `forget_after` is forgotten.
  // `clock` must outlive it.
  WorkerRegistry(Clock* clock, int max_workers, absl::Duration forget_after)
      : clock_(clock), max_workers_(max_workers), forget_after_(forget_after) {}

  // Notes that a worker calls. RESOURCE_EXHAUSTED: there are too many already. PERMISSION_DENIED:
  // it is known as somebody else's.
  absl::Status Touch(const WorkerIdentity& worker, absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);

  // Notes that a worker that is known was still there.
  void Saw(const std::string& worker, absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);

  // Notes what a worker polls for.
  void SetInterests(const std::string& worker, const std::vector<std::string>& queues,
                    const std::vector<std::string>& types) ABSL_LOCKS_EXCLUDED(mu_);

  // Notes that a worker takes no more tasks.
  void SetDraining(const std::string& worker) ABSL_LOCKS_EXCLUDED(mu_);
  bool IsDraining(const std::string& worker) ABSL_LOCKS_EXCLUDED(mu_);

  // Notes what a worker holds, and its news of how far that is.
  void SetHeld(const std::string& worker, const std::vector<HeldLease>& held)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Notes that a worker was given tasks, or (less than 0) reported what became of some.
  void AddHeld(const std::string& worker, int count) ABSL_LOCKS_EXCLUDED(mu_);

  // Leaves notices for their workers, and wakes those that wait.
  void Notify(const std::vector<Effects::Notice>& notices) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends the wait of a worker that is known, or its next one, without a notice.
  void Poke(const std::string& worker) ABSL_LOCKS_EXCLUDED(mu_);

  // Takes the notices for a worker; waits for one up to `timeout` if there is none. A later call
  // for the same worker ends an earlier one, which then answers none.
  std::vector<Stop> AwaitNotices(const std::string& worker, absl::Duration timeout)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Takes a worker off the list and ends its wait. Its id does not come back: calls of it that are
  // still under way do not list it again. PERMISSION_DENIED as for Touch.
  absl::Status Leave(const WorkerIdentity& worker) ABSL_LOCKS_EXCLUDED(mu_);
  void ForgetIdle(absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);

  // By name, then id.
  std::vector<WorkerStatus> List(absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);
  int size() ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<TaskProgress> ProgressOf(const std::string& worker, TaskId task)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Ends every wait, now and from now on.
  void Shutdown() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Entry {
    WorkerIdentity identity;
    std::vector<std::string> queues;
    std::vector<std::string> types;
    absl::flat_hash_map<TaskId, TaskProgress> progress;
    int held = 0;
    absl::Time last_seen;
    std::vector<Stop> notices;
    int64_t wait = 0;      // number of the latest AwaitNotices
    bool waiting = false;  // in AwaitNotices
    bool left = false;
    bool draining = false;
    bool poked = false;
    absl::CondVar wake;
  };

  static absl::Status CheckOwner(const Entry& entry, const WorkerIdentity& worker);

  // Entries are shared with the threads that wait in them.
  std::shared_ptr<Entry> Find(const std::string& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Workers that have not left.
  int Present() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return static_cast<int>(workers_.size()) - left_;
  }

  Clock* const clock_;
  const int max_workers_;
  const absl::Duration forget_after_;
  absl::Mutex mu_;
  bool shutdown_ ABSL_GUARDED_BY(mu_) = false;
  absl::flat_hash_map<std::string, std::shared_ptr<Entry>> workers_ ABSL_GUARDED_BY(mu_);
  int left_ ABSL_GUARDED_BY(mu_) = 0;  // how many of them have left
};

}  // namespace tarea

#endif  // TAREA_MASTER_WORKER_REGISTRY_H_
