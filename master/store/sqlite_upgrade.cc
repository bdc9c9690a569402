#include "master/store/sqlite_upgrade.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "master/store/schema.h"
#include "master/store/sqlite_pages.h"

namespace tarea {
namespace {

// The last schema version whose databases have no checksums.
constexpr int64_t kLastWithoutChecksums = kFirstSchemaWithChecksums - 1;

absl::Status SyncPath(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC);
  const bool synced = fd >= 0 && fsync(fd) == 0;
  const int error = errno;
  if (fd >= 0) close(fd);
  if (synced) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(
      path, " cannot be brought to the disk: ", std::generic_category().message(error)));
}

// Brings the old database to the state that is copied: the last version without checksums, and all
// of it in the one file.
absl::Status PrepareOld(SqliteConnection& old) {
  // What is refused stays as it is: SQLite would merge the log into it when it is closed.
  sqlite3_db_config(old.db().getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  if (const absl::Status status = CheckOurs(old); !status.ok()) return status;
  sqlite3_db_config(old.db().getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  RunSchemaSteps(old, kLastWithoutChecksums);
  // Its log would be taken for that of the new database.
  old.db().exec("PRAGMA journal_mode = DELETE");
  return absl::OkStatus();
}

}  // namespace

void ReserveForChecksums(SqliteConnection& connection) {
  connection.db().exec(absl::StrCat("PRAGMA page_size = ", kPageSize));
  int reserved = kReservedBytes;
  sqlite3_file_control(connection.db().getHandle(), "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved);
}

void RunSchemaSteps(SqliteConnection& connection, int64_t to) {
  SQLite::Database& db = connection.db();
  for (int64_t next = connection.PragmaInt("PRAGMA user_version"); next < to; ++next) {
    // All of a step or none: a crash in the middle leaves the version before it.
    db.exec("BEGIN IMMEDIATE");
    db.exec(kSchemaSteps[next]);
    db.exec(absl::StrCat("PRAGMA application_id = ", kApplicationId));
    db.exec(absl::StrCat("PRAGMA user_version = ", next + 1));
    db.exec("COMMIT");
  }
}

absl::Status CheckOurs(SqliteConnection& connection) {
  const int64_t application = connection.PragmaInt("PRAGMA application_id");
  const bool empty = connection.PragmaInt("SELECT count(*) FROM sqlite_schema") == 0;
  if (application != kApplicationId && !(application == 0 && empty)) {
    return absl::FailedPreconditionError("this is not a database of Tarea; move it away");
  }
  if (const int64_t version = connection.PragmaInt("PRAGMA user_version"); version < 0) {
    return absl::DataLossError(
        absl::StrCat("the database is damaged: its schema version is ", version));
  }
  return absl::OkStatus();
}

absl::Status SyncFileAndName(const std::string& path) {
  const std::string directory = std::filesystem::path(path).parent_path();
  if (const absl::Status status = SyncPath(path, O_RDONLY); !status.ok()) return status;
  return SyncPath(directory.empty() ? "." : directory, O_RDONLY | O_DIRECTORY);
}

absl::Status UpgradeToChecksums(const std::string& path) {
  const std::string copy = path + "-upgrade";
  unlink(copy.c_str());  // of an upgrade that was interrupted
  {
    SqliteConnection old(path, SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX);
    if (const absl::Status status = PrepareOld(old); !status.ok()) return status;
    ReserveForChecksums(old);
    Query(old, "VACUUM INTO ?", copy).Run();
  }
  {
    SqliteConnection upgraded(copy, SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX);
    RunSchemaSteps(upgraded, kFirstSchemaWithChecksums);
  }
  if (const absl::Status status = SyncFileAndName(copy); !status.ok()) return status;
  if (rename(copy.c_str(), path.c_str()) != 0) {
    return absl::InternalError(absl::StrCat("cannot give ", copy, " the name ", path, ": ",
                                            std::generic_category().message(errno)));
  }
  return SyncFileAndName(path);
}

}  // namespace tarea
