#ifndef TAREA_MASTER_SECURITY_KNOWN_QUEUES_H_
#define TAREA_MASTER_SECURITY_KNOWN_QUEUES_H_

#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "master/store/store.h"

namespace tarea {

// In which queues the tasks of a batch are. What was read once is known from then on, so that a
// batch of a million tasks that is built in a thousand calls is read once, not a thousand times.
// Thread-safe.
class KnownQueues {
 public:
  // `store` must outlive it.
  explicit KnownQueues(Store* store) : store_(store) {}

  // NOT_FOUND, or what else the store says. Empty: the batch has no tasks yet.
  absl::StatusOr<std::set<std::string>> Of(BatchId batch) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Known {
    std::set<std::string> queues;
    TaskId last = 0;  // of tasks up to this one
  };

  Store* const store_;
  absl::Mutex mu_;
  absl::flat_hash_map<BatchId, Known> known_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tarea

#endif  // TAREA_MASTER_SECURITY_KNOWN_QUEUES_H_
