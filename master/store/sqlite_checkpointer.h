#ifndef TAREA_MASTER_STORE_SQLITE_CHECKPOINTER_H_
#define TAREA_MASTER_STORE_SQLITE_CHECKPOINTER_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "master/store/sqlite_connection.h"

namespace tarea {

// Brings the write-ahead log into the database, so that SQLite can begin the log anew. Throws
// SQLite::Exception, but not if somebody reads or the disk is full: the log grows then, and the
// next time may bring it over.
void CheckpointLog(SqliteConnection& connection);

// Does so on a connection of its own, and on a thread of its own: the sync of the database would
// keep whoever commits waiting for as long as dozens of commits take. Thread-safe.
class SqliteCheckpointer {
 public:
  // `on_failure` is called on that thread, once: a sync has failed, and nothing may be believed
  // after. Without `own_thread`, whoever calls Wake does the work.
  SqliteCheckpointer(std::unique_ptr<SqliteConnection> connection,
                     std::function<void(const absl::Status&)> on_failure, bool own_thread);
  ~SqliteCheckpointer();

  // There is something to bring over. With a thread it returns at once.
  void Wake() ABSL_LOCKS_EXCLUDED(mu_);

  // Brings over what is left after the pass that the thread is at, on this thread and with this
  // connection. Throws SQLite::Exception.
  void Finish(SqliteConnection& connection) ABSL_LOCKS_EXCLUDED(pass_mu_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  // False: it failed.
  bool Pass() ABSL_LOCKS_EXCLUDED(pass_mu_);

  const std::unique_ptr<SqliteConnection> connection_;
  const std::function<void(const absl::Status&)> on_failure_;
  absl::Mutex pass_mu_;  // held by whoever brings the log over: SQLite lets only one
  absl::Mutex mu_;
  bool wanted_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_SQLITE_CHECKPOINTER_H_
