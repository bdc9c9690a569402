#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "master/store/directory_lock.h"
#include "master/store/sqlite_connection.h"
#include "master/store/sqlite_inspect.h"
#include "master/store/sqlite_maintenance.h"
#include "master/store/sqlite_pages.h"
#include "master/store/sqlite_upgrade.h"
#include "master/store/sqlite_vfs.h"

namespace tarea {
namespace {

absl::Status OlderVersion(const std::string& path) {
  return absl::FailedPreconditionError(
      absl::StrCat(path,
                   " is of an older version; start a master of this version on it once, which "
                   "brings it up to date"));
}

// Makes the file in which the copy is written, which must not be there.
absl::Status MakePartial(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) {
    close(fd);
    return absl::OkStatus();
  }
  if (errno == EEXIST) {
    return absl::AlreadyExistsError(absl::StrCat(
        path,
        " is there: another backup is being made, or one was interrupted; in that case "
        "remove it"));
  }
  return absl::PermissionDeniedError(
      absl::StrCat("cannot make ", path, ": ", std::generic_category().message(errno),
                   "; name a file in a directory that can be written with --to"));
}

// Gives the copy its name unless something else has it.
absl::Status GiveName(const std::string& partial, const std::string& to) {
  int result = renameat2(AT_FDCWD, partial.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE);
  if (result != 0 && errno == EINVAL && access(to.c_str(), F_OK) != 0) {
    result = rename(partial.c_str(), to.c_str());  // a file system that cannot do it in one
  }
  if (result == 0) return SyncFileAndName(to);
  if (errno == EEXIST) return absl::AlreadyExistsError(absl::StrCat(to, " is there already"));
  return absl::InternalError(absl::StrCat("cannot give ", partial, " the name ", to, ": ",
                                          std::generic_category().message(errno)));
}

// All pages, in the one snapshot that `from` has open.
void CopyPages(SqliteConnection& from, SqliteConnection& to) {
  sqlite3* const db = to.db().getHandle();
  sqlite3_backup* const backup = sqlite3_backup_init(db, "main", from.db().getHandle(), "main");
  if (backup == nullptr) throw SQLite::Exception(db, sqlite3_errcode(db));
  sqlite3_backup_step(backup, -1);
  const int result = sqlite3_backup_finish(backup);
  if (result != SQLITE_OK) throw SQLite::Exception(db, sqlite3_extended_errcode(db));
}

}  // namespace

absl::StatusOr<BackupReport> BackUp(const std::string& data_dir, const std::string& to) {
  const std::string path = data_dir + "/tarea.db";
  if (access(to.c_str(), F_OK) == 0) {
    return absl::AlreadyExistsError(
        absl::StrCat(to, " is there already; name another file with --to"));
  }
  if (access(path.c_str(), F_OK) != 0) {
    return absl::NotFoundError(
        absl::StrCat("there is no database ", path, "; name the directory of one with --data-dir"));
  }
  // A master that runs has looked at its files when it started.
  DirectoryLock lock;
  if (lock.TakeIfThere(data_dir).ok()) {
    const absl::StatusOr<Inspection> found = InspectDatabase(path);
    if (!found.ok()) {
      return absl::Status(found.status().code(),
                          absl::StrCat(path, ": ", found.status().message()));
    }
    if (found->kind == Inspection::Kind::kNone) {
      return absl::NotFoundError(absl::StrCat("there is no database ", path, " yet"));
    }
    if (found->kind == Inspection::Kind::kWithoutChecksums) return OlderVersion(path);
  }

  const std::string partial = to + ".partial";
  if (const absl::Status status = MakePartial(partial); !status.ok()) return status;
  absl::Cleanup remove_partial = [&] { unlink(partial.c_str()); };
  BackupReport report;
  try {
    SqliteConnection from(path, SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX);
    // The log is the master's business, also if it ends meanwhile.
    sqlite3_db_config(from.db().getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    Query(from, "BEGIN").Run();
    if (from.PragmaInt("PRAGMA user_version") < kFirstSchemaWithChecksums)
      return OlderVersion(path);
    report.batches = from.PragmaInt("SELECT count(*) FROM batches");
    SqliteConnection copy(partial, SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX);
    ReserveForChecksums(copy);
    copy.db().exec("PRAGMA journal_mode = OFF");
    copy.db().exec("PRAGMA synchronous = OFF");  // done at the end
    CopyPages(from, copy);
    Query(from, "COMMIT").Run();
  } catch (const SQLite::Exception& e) {
    return ToStatus(e);
  }
  struct stat written = {};
  if (stat(partial.c_str(), &written) == 0) report.bytes = written.st_size;
  if (const absl::Status status = SyncFileAndName(partial); !status.ok()) return status;
  if (const absl::Status status = GiveName(partial, to); !status.ok()) return status;
  std::move(remove_partial).Cancel();
  return report;
}

}  // namespace tarea
