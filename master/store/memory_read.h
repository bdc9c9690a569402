#ifndef TAREA_MASTER_STORE_MEMORY_READ_H_
#define TAREA_MASTER_STORE_MEMORY_READ_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "master/store/memory_state.h"
#include "master/store/store.h"

// The reads of a memory store, on a snapshot of its state. As in store.h.
namespace tarea::memory_read {

absl::StatusOr<Task> GetTask(const MemoryState& state, TaskId id);
absl::StatusOr<Batch> GetBatch(const MemoryState& state, BatchId id);
TaskPage ListTasks(const MemoryState& state, const TaskQuery& query, int64_t max_page_bytes);
std::vector<Batch> ListBatches(const MemoryState& state, BatchId before, int limit);
absl::StatusOr<FinishedPage> ListFinished(const MemoryState& state, BatchId batch, int64_t cursor,
                                          int limit, bool with_result, int64_t max_page_bytes);
std::vector<Queue> ListQueues(const MemoryState& state);
absl::StatusOr<BatchQueues> ListQueuesOf(const MemoryState& state, BatchId batch, TaskId after);
absl::Time NextDue(const MemoryState& state);

}  // namespace tarea::memory_read

#endif  // TAREA_MASTER_STORE_MEMORY_READ_H_
