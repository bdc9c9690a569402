#include "master/store/sqlite_log.h"

#include "absl/strings/str_cat.h"
#include "master/store/sqlite_log_file.h"
#include "master/store/sqlite_vfs.h"

namespace tarea {
namespace {

absl::Status MarkStatus(int result) {
  if (result == SQLITE_OK) return absl::OkStatus();
  const absl::StatusCode code =
      result == SQLITE_FULL ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kInternal;
  return absl::Status(code, absl::StrCat("the mark of the log cannot be brought to the disk: ",
                                         sqlite3_errstr(result), " (SQLite error ", result, ")"));
}

}  // namespace

SqliteLog::SqliteLog(sqlite3* connection) {
  sqlite3_file_control(connection, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file_);
}

void SqliteLog::BeginCommit() {
  absl::MutexLock lock(&mu_);
  ++begun_;
}

void SqliteLog::EndCommit() {
  absl::MutexLock lock(&mu_);
  ended_ = begun_;
  changed_.SignalAll();
}

LogFile& SqliteLog::log_file() { return static_cast<LogFile&>(VfsFile::Of(file_)); }

absl::Status SqliteLog::Settle() { return MarkStatus(log_file().Settle()); }

absl::Status SqliteLog::ReserveIds(TaskId task, BatchId batch) {
  return MarkStatus(log_file().ReserveIds(task, batch));
}

absl::Status SqliteLog::ReturnIds(TaskId task, BatchId batch) {
  return MarkStatus(log_file().ReturnIds(task, batch));
}

void SqliteLog::Fail(const absl::Status& why) {
  absl::MutexLock lock(&mu_);
  if (failed_.ok()) failed_ = why;
  changed_.SignalAll();
}

absl::Status SqliteLog::failure() {
  absl::MutexLock lock(&mu_);
  return failed_;
}

absl::Status SqliteLog::MakeDurable() {
  absl::MutexLock lock(&mu_);
  const int64_t wanted = begun_;
  // A reader may have seen a commit that has not returned yet.
  while (failed_.ok() && durable_ < wanted && (syncing_ || ended_ < wanted)) changed_.Wait(&mu_);
  if (!failed_.ok() || durable_ >= wanted) return failed_;

  syncing_ = true;
  const int64_t written = ended_;
  mu_.Unlock();
  const int result = file_->pMethods->xSync(file_, SQLITE_SYNC_NORMAL);
  mu_.Lock();
  syncing_ = false;
  changed_.SignalAll();
  if (result != SQLITE_OK) {
    failed_ = absl::InternalError(absl::StrCat(
        "the log of the database cannot be brought to the disk: ", sqlite3_errstr(result),
        " (SQLite error ", result, ")"));
    return failed_;
  }
  durable_ = written;
  return absl::OkStatus();
}

}  // namespace tarea
