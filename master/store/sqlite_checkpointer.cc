#include "master/store/sqlite_checkpointer.h"

#include <sqlite3.h>

#include <utility>

namespace tarea {

void CheckpointLog(SqliteConnection& connection) {
  sqlite3* const db = connection.db().getHandle();
  const int result =
      sqlite3_wal_checkpoint_v2(db, "main", SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (result == SQLITE_OK || result == SQLITE_BUSY || result == SQLITE_FULL) return;
  throw SQLite::Exception(db, result);
}

SqliteCheckpointer::SqliteCheckpointer(std::unique_ptr<SqliteConnection> connection,
                                       std::function<void(const absl::Status&)> on_failure,
                                       bool own_thread)
    : connection_(std::move(connection)), on_failure_(std::move(on_failure)) {
  // A connection that has read nothing does not know of the log, and would bring nothing over.
  Query(*connection_, "SELECT 1 FROM sqlite_schema LIMIT 1").Next();
  if (own_thread) thread_ = std::thread([this] { Run(); });
}

SqliteCheckpointer::~SqliteCheckpointer() {
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void SqliteCheckpointer::Wake() {
  if (!thread_.joinable()) {
    Pass();
    return;
  }
  absl::MutexLock lock(&mu_);
  wanted_ = true;
}

void SqliteCheckpointer::Finish(SqliteConnection& connection) {
  absl::MutexLock lock(&pass_mu_);
  CheckpointLog(connection);
}

void SqliteCheckpointer::Run() {
  while (true) {
    {
      absl::MutexLock lock(&mu_);
      const auto ready = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return wanted_ || stopped_; };
      mu_.Await(absl::Condition(&ready));
      if (stopped_) return;
      wanted_ = false;
    }
    if (!Pass()) return;
  }
}

bool SqliteCheckpointer::Pass() {
  try {
    Finish(*connection_);
    return true;
  } catch (const SQLite::Exception& e) {
    on_failure_(ToStatus(e));
    return false;
  }
}

}  // namespace tarea
