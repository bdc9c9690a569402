#include "master/store/memory_store.h"

#include <utility>

#include "master/store/memory_read.h"
#include "master/store/memory_transaction.h"

namespace tarea {

MemoryStore::MemoryStore(StoreLimits limits)
    : limits_(limits), state_(std::make_shared<const MemoryState>()) {}

void MemoryStore::Restart() { lease_ids_ = LeaseIds(++epoch_); }

std::shared_ptr<const MemoryState> MemoryStore::Snapshot() const {
  absl::MutexLock lock(&mu_);
  return state_;
}

void MemoryStore::Publish(MemoryState state) {
  auto next = std::make_shared<const MemoryState>(std::move(state));
  absl::MutexLock lock(&mu_);
  state_.swap(next);
}

std::unique_ptr<Store::Transaction> MemoryStore::Begin(Sync /*sync*/) {
  return std::make_unique<MemoryTransaction>(
      *Snapshot(), limits_, lease_ids_, [this](MemoryState state) { Publish(std::move(state)); });
}

absl::StatusOr<Task> MemoryStore::GetTask(TaskId id) {
  return memory_read::GetTask(*Snapshot(), id);
}

absl::StatusOr<Batch> MemoryStore::GetBatch(BatchId id) {
  return memory_read::GetBatch(*Snapshot(), id);
}

absl::StatusOr<TaskPage> MemoryStore::ListTasks(const TaskQuery& query) {
  return memory_read::ListTasks(*Snapshot(), query, limits_.max_page_bytes);
}

absl::StatusOr<std::vector<Batch>> MemoryStore::ListBatches(BatchId before, int limit) {
  return memory_read::ListBatches(*Snapshot(), before, limit);
}

absl::StatusOr<FinishedPage> MemoryStore::ListFinished(BatchId batch, int64_t cursor, int limit,
                                                       bool with_result) {
  return memory_read::ListFinished(*Snapshot(), batch, cursor, limit, with_result,
                                   limits_.max_page_bytes);
}

absl::StatusOr<BatchQueues> MemoryStore::ListQueuesOf(BatchId batch, TaskId after) {
  return memory_read::ListQueuesOf(*Snapshot(), batch, after);
}

absl::StatusOr<std::vector<Queue>> MemoryStore::ListQueues() {
  return memory_read::ListQueues(*Snapshot());
}

absl::StatusOr<int64_t> MemoryStore::CountBatches() { return Snapshot()->batches.size(); }

absl::StatusOr<absl::Time> MemoryStore::NextDue() { return memory_read::NextDue(*Snapshot()); }

}  // namespace tarea
