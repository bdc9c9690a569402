#ifndef TAREA_MASTER_STORE_SQLITE_LOG_H_
#define TAREA_MASTER_STORE_SQLITE_LOG_H_

#include <sqlite3.h>

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "master/store/sqlite_log_file.h"

namespace tarea {

// Brings SQLite's write-ahead log to the disk. SQLite itself would do so within COMMIT; here it
// happens after it, so that one transaction can be executed while the one before is on its way to
// the disk, and one sync serves all that were committed meanwhile. What a loss of power leaves is
// the same: SQLite reads the log up to the last commit that is whole.
//
// Thread-safe, but for Begin and Committed, which belong to the one thread that commits.
class SqliteLog {
 public:
  // `connection` must be in write-ahead-log mode and have written, and must outlive it.
  explicit SqliteLog(sqlite3* connection);

  // Around each COMMIT that has to become durable, whatever becomes of it.
  void BeginCommit() ABSL_LOCKS_EXCLUDED(mu_);
  void EndCommit() ABSL_LOCKS_EXCLUDED(mu_);

  // Returns when each commit that has begun so far is on the disk. INTERNAL: a sync has failed. It
  // is not tried again, since the kernel may have dropped the pages and call the next one a
  // success.
  absl::Status MakeDurable() ABSL_LOCKS_EXCLUDED(mu_);

  // What LogFile writes into the mark, see there. INTERNAL: it cannot be written.
  // RESOURCE_EXHAUSTED: the disk is full; no id has been reserved.
  absl::Status Settle();
  absl::Status ReserveIds(TaskId task, BatchId batch);
  absl::Status ReturnIds(TaskId task, BatchId batch);

  // Another sync of the database has failed: MakeDurable fails from now on.
  void Fail(const absl::Status& why) ABSL_LOCKS_EXCLUDED(mu_);
  // OK unless a sync has failed.
  absl::Status failure() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  LogFile& log_file();

  sqlite3_file* file_ = nullptr;
  absl::Mutex mu_;
  absl::CondVar changed_;
  // Commits are numbered. `begun_` is greater than `ended_` by one at most.
  int64_t begun_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t ended_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t durable_ ABSL_GUARDED_BY(mu_) = 0;
  bool syncing_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status failed_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_SQLITE_LOG_H_
