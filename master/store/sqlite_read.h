#ifndef TAREA_MASTER_STORE_SQLITE_READ_H_
#define TAREA_MASTER_STORE_SQLITE_READ_H_

#include <vector>

#include "absl/status/statusor.h"
#include "master/store/sqlite_connection.h"
#include "master/store/store.h"

// The reads of a store as SQL, each in the snapshot that its caller has begun. They throw
// SQLite::Exception.
namespace tarea::sqlite_read {

absl::StatusOr<Task> GetTask(SqliteConnection& connection, TaskId id);
absl::StatusOr<Batch> GetBatch(SqliteConnection& connection, BatchId id);
TaskPage ListTasks(SqliteConnection& connection, const TaskQuery& query, int64_t max_page_bytes);
std::vector<Batch> ListBatches(SqliteConnection& connection, BatchId before, int limit);
absl::StatusOr<FinishedPage> ListFinished(SqliteConnection& connection, BatchId batch,
                                          int64_t cursor, int limit, bool with_result,
                                          int64_t max_page_bytes);
std::vector<Queue> ListQueues(SqliteConnection& connection);
absl::StatusOr<BatchQueues> ListQueuesOf(SqliteConnection& connection, BatchId batch, TaskId after);
int64_t CountBatches(SqliteConnection& connection);
absl::Time NextDue(SqliteConnection& connection);

}  // namespace tarea::sqlite_read

#endif  // TAREA_MASTER_STORE_SQLITE_READ_H_
