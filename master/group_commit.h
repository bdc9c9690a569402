#ifndef TAREA_MASTER_GROUP_COMMIT_H_
#define TAREA_MASTER_GROUP_COMMIT_H_

#include <atomic>
#include <deque>
#include <functional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "master/store/store.h"

namespace tarea {

// Makes the writes of many threads share transactions, and so the syncs of the disk. Whoever finds
// nobody writing takes along every operation that waits, runs them in one transaction, commits once
// and answers each: the more callers, the larger the groups, with no timer and no thread of its own
// (the way LevelDB's DBImpl::Write does it). The next group is written while the one before is
// being synced. Thread-safe.
class GroupCommit {
 public:
  // A piece of a transaction. Runs on any thread that is in Run, one at a time, and perhaps more
  // than once (then from the start, in a new transaction). A status that is not OK must mean that
  // it has written nothing; it is what Run answers.
  using Operation = absl::FunctionRef<absl::Status(Store::Transaction&)>;

  // `store` and `clock` must outlive it. `on_commit` is called after each commit, before it is
  // durable and its operations are answered, one at a time; `on_broken` once, when the store can
  // take no more writes. Both run on a thread that is in Run and must not call Run.
  GroupCommit(Store* store, Clock* clock, std::function<void(const Effects&)> on_commit,
              std::function<void(const absl::Status&)> on_broken);

  // Returns when `operation` is committed, and durable if it is to be now; its answers are true
  // only if this is OK. RESOURCE_EXHAUSTED: the disk is full; nothing was stored. UNAVAILABLE: the
  // store is broken; the outcome is not known.
  absl::Status Run(Sync sync, Operation operation) ABSL_LOCKS_EXCLUDED(mu_);

  // Operations that are being committed, or wait to be.
  int waiting() const { return running_; }

 private:
  struct Writer {
    Writer(Sync when, Operation what) : sync(when), operation(what) {}

    const Sync sync;
    const Operation operation;
    absl::Status status;
    bool done = false;  // by another one of its group; otherwise it is its turn to write
    // Told once, either of the two. Waiting for it takes no lock that others want, too.
    absl::Mutex mu;
    bool told ABSL_GUARDED_BY(mu) = false;
    absl::CondVar wake;
  };
  using Group = std::vector<Writer*>;

  // The writer may be gone at once.
  void Tell(Writer& writer);
  // False if `self` has been done meanwhile.
  bool AwaitTurn(Writer& self) ABSL_LOCKS_EXCLUDED(mu_);
  // `self` and those that wait.
  Group TakeGroup(Writer& self) ABSL_LOCKS_EXCLUDED(mu_);
  void WriteGroup(const Group& group) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status RunTransaction(const Group& group);
  void PassTurn() ABSL_LOCKS_EXCLUDED(mu_);
  void SyncGroup(const Group& group) ABSL_LOCKS_EXCLUDED(mu_);
  // The status of all that was not durable at `why`, and of all that comes later.
  absl::Status Break(const absl::Status& why) ABSL_LOCKS_EXCLUDED(mu_);

  Store* const store_;
  Clock* const clock_;
  const std::function<void(const Effects&)> on_commit_;
  const std::function<void(const absl::Status&)> on_broken_;

  std::atomic<int> running_ = 0;  // calls of Run
  absl::Mutex mu_;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;         // it is somebody's turn
  std::deque<Writer*> waiting_ ABSL_GUARDED_BY(mu_);  // the one at the front writes next
  absl::Status broken_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tarea

#endif  // TAREA_MASTER_GROUP_COMMIT_H_
