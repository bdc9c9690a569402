#ifndef TAREA_MASTER_STORE_SQLITE_STORE_H_
#define TAREA_MASTER_STORE_SQLITE_STORE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "master/store/directory_lock.h"
#include "master/store/disk_reserve.h"
#include "master/store/sqlite_checkpointer.h"
#include "master/store/sqlite_connection.h"
#include "master/store/sqlite_inspect.h"
#include "master/store/sqlite_log.h"
#include "master/store/sqlite_writer.h"
#include "master/store/store.h"

namespace tarea {

enum class Durability {
  kFsync,  // what is made durable survives a loss of power
  kOs,     // it survives the end of the process, but a loss of power may take the last transactions
           // away
};

struct SqliteOptions {
  std::string data_dir;  // made if it does not exist
  Durability durability = Durability::kFsync;
  StoreLimits limits;
  int readers = 4;  // connections for reads; at least 1
  // Inserts are refused while no more than so many bytes of the disk are free.
  int64_t disk_reserve = 0;
  // From how many pages on the write-ahead log is brought into the database. 16 MiB are long enough
  // for a page that is written again and again to be brought over once.
  int log_pages = 4000;
  // Whether a thread does that, beside those who commit, or one of them.
  bool own_thread = true;
  // Whether ids that an earlier process has reserved are left out if it did not end in good order.
  // Not to do so is for tests that compare this with a store that does not know them.
  bool skip_reserved_ids = true;
};

// The embedded store: one SQLite database in write-ahead-log mode, `tarea.db` in a directory that
// one process owns at a time. One connection writes; reads have connections of their own, so that a
// long list never keeps the writer waiting. May have a thread of its own (SqliteCheckpointer).
class SqliteStore : public Store {
 public:
  // FAILED_PRECONDITION: another process has the directory, or the database is not Tarea's, or of a
  // newer version, or its log is another one's. DATA_LOSS: the database, or its log, is damaged or
  // missing. PERMISSION_DENIED: cannot write there. Nothing that was there has been changed then.
  static absl::StatusOr<std::unique_ptr<SqliteStore>> Open(const SqliteOptions& options);
  ~SqliteStore() override;

  std::unique_ptr<Transaction> Begin(Sync sync) override;
  absl::Status MakeDurable() override;

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

  absl::Time last_time() const override { return writer_->last_time(); }
  std::string name() const override { return "sqlite"; }
  std::string durability() const override {
    return options_.durability == Durability::kFsync ? "fsync" : "os";
  }

 private:
  class SqliteTransaction;

  explicit SqliteStore(const SqliteOptions& options)
      : options_(options), reserve_(options.data_dir, options.disk_reserve) {}

  // Steps of Open; they throw SQLite::Exception.
  absl::Status OpenDatabase();
  absl::Status MakeLogDurable(const Inspection& found);
  absl::Status BeginEpoch(const Inspection& found);
  absl::Status ReserveLogIndex();

  // Runs `read` on a connection that is free, in one snapshot. Waits if all are in use.
  template <typename T>
  absl::StatusOr<T> Read(absl::FunctionRef<absl::StatusOr<T>(SqliteConnection&)> read);

  const SqliteOptions options_;
  const DiskReserve reserve_;
  DirectoryLock lock_;  // goes last: nobody may come in before all is closed
  // To be closed after all connections: to close any descriptor of a file takes away the locks that
  // this process has on it, and SQLite has some.
  int log_index_fd_ = -1;
  std::unique_ptr<SqliteConnection> connection_;
  std::unique_ptr<SqliteWriter> writer_;
  std::unique_ptr<SqliteLog> log_;
  std::unique_ptr<SqliteCheckpointer> checkpointer_;

  absl::Mutex mu_;
  std::vector<std::unique_ptr<SqliteConnection>> idle_readers_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_SQLITE_STORE_H_
