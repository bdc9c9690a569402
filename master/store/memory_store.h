#ifndef TAREA_MASTER_STORE_MEMORY_STORE_H_
#define TAREA_MASTER_STORE_MEMORY_STORE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "master/store/lease_ids.h"
#include "master/store/memory_state.h"
#include "master/store/store.h"

namespace tarea {

// The store that keeps nothing: `--store memory:`, tests, and the model that the other stores are
// compared with (tests/store/model_test.cc). Good for a million tasks or so.
//
// All that it holds is one value (memory_state.h) whose copies are free. A transaction works on a
// copy, which Commit puts in place; a read takes a copy. So neither ever waits for the other, a
// read sees one moment, and a transaction that is dropped was never there.
class MemoryStore : public Store {
 public:
  explicit MemoryStore(StoreLimits limits = {});

  // What closing and opening it again would do to a store that keeps its tasks: lease ids go on in
  // a new epoch. No transaction may exist.
  void Restart();

  using Store::Begin;
  std::unique_ptr<Transaction> Begin(Sync sync) override;
  absl::Status MakeDurable() override { return absl::OkStatus(); }

  absl::StatusOr<Task> GetTask(TaskId id) override;
  absl::StatusOr<Batch> GetBatch(BatchId id) override;
  absl::StatusOr<TaskPage> ListTasks(const TaskQuery& query) override;
  absl::StatusOr<std::vector<Batch>> ListBatches(BatchId before, int limit) override;
  absl::StatusOr<FinishedPage> ListFinished(BatchId batch, int64_t cursor, int limit,
                                            bool with_result) override;
  absl::StatusOr<std::vector<Queue>> ListQueues() override;
  absl::StatusOr<BatchQueues> ListQueuesOf(BatchId batch, TaskId after) override;
  absl::StatusOr<int64_t> CountBatches() override;
  absl::StatusOr<absl::Time> NextDue() override;

  absl::Time last_time() const override { return Snapshot()->last_time; }
  std::string name() const override { return "memory"; }
  std::string durability() const override { return ""; }

 private:
  std::shared_ptr<const MemoryState> Snapshot() const ABSL_LOCKS_EXCLUDED(mu_);
  void Publish(MemoryState state) ABSL_LOCKS_EXCLUDED(mu_);

  const StoreLimits limits_;
  // Those of the one transaction that may exist. They go on after one that was dropped: its leases
  // are never given out again.
  int64_t epoch_ = 1;
  LeaseIds lease_ids_{epoch_};

  mutable absl::Mutex mu_;
  std::shared_ptr<const MemoryState> state_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_MEMORY_STORE_H_
