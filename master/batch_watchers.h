#ifndef TAREA_MASTER_BATCH_WATCHERS_H_
#define TAREA_MASTER_BATCH_WATCHERS_H_

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "master/store/task.h"

namespace tarea {

// Who watches which batch, and waits for a change in it. Thread-safe.
class BatchWatchers {
 public:
  // One watcher, from before it first reads the batch; so no change in between is missed. Not
  // thread-safe.
  class Watch {
   public:
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    // Blocks until the batch has changed since the last call (or since the beginning), or `timeout`
    // is over, or the watchers are shut down. Answers whether it has changed.
    bool AwaitChange(absl::Duration timeout);

   private:
    friend class BatchWatchers;
    Watch(BatchWatchers* owner, BatchId batch) : owner_(owner), batch_(batch) {}

    BatchWatchers* const owner_;
    const BatchId batch_;
    bool changed_ = false;  // guarded by owner_->mu_
    absl::CondVar wake_;
  };

  // At most `max_watchers` at a time. `clock` must outlive it.
  BatchWatchers(Clock* clock, int max_watchers) : clock_(clock), max_watchers_(max_watchers) {}

  // RESOURCE_EXHAUSTED: too many. UNAVAILABLE: shutting down.
  absl::StatusOr<std::unique_ptr<Watch>> Add(BatchId batch) ABSL_LOCKS_EXCLUDED(mu_);

  void Changed(const absl::btree_set<BatchId>& batches) ABSL_LOCKS_EXCLUDED(mu_);
  void Shutdown() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  Clock* const clock_;
  const int max_watchers_;
  absl::Mutex mu_;
  bool shutdown_ ABSL_GUARDED_BY(mu_) = false;
  int count_ ABSL_GUARDED_BY(mu_) = 0;
  absl::flat_hash_map<BatchId, absl::btree_set<Watch*>> watches_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tarea

#endif  // TAREA_MASTER_BATCH_WATCHERS_H_
