#include "master/store/sqlite_connection.h"

#include <sqlite3.h>

#include "absl/strings/str_cat.h"
#include "common/logging.h"

namespace tarea {

absl::Status ToStatus(const SQLite::Exception& e) {
  const std::string damage = TakeDamageReport();
  // Not the extended code: SQLite shortens it where it reads its schema.
  const int code = e.getErrorCode() & 0xff;
  if (code == SQLITE_IOERR && !damage.empty()) {
    return absl::DataLossError(
        absl::StrCat("the database is damaged: ", damage, "; ", kRestoreHint));
  }
  // SQLite may quote what it has found in the file.
  const std::string what =
      absl::StrCat(Printable(e.what()), " (SQLite error ", e.getExtendedErrorCode(), ")");
  if (e.getExtendedErrorCode() == SQLITE_IOERR_SHMSIZE) {
    return absl::InternalError(absl::StrCat(
        "the index of the log cannot grow, most likely because the disk is full: ", what,
        "; make space there"));
  }
  switch (code) {
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(
          absl::StrCat("the disk of the data directory is full: ", what, "; make space there"));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(
          absl::StrCat("the database is damaged: ", what, "; ", kRestoreHint));
    default:
      return absl::InternalError(absl::StrCat("the database failed: ", what));
  }
}

std::optional<int64_t> Micros(absl::Time time) {
  if (time == absl::InfiniteFuture() || time == absl::InfinitePast()) return std::nullopt;
  return absl::ToUnixMicros(time);
}

std::optional<int64_t> Micros(absl::Duration duration) {
  if (duration == absl::InfiniteDuration()) return std::nullopt;
  return absl::ToInt64Microseconds(duration);
}

void ThrowDamaged(const std::string& what) { throw SQLite::Exception(what, SQLITE_CORRUPT); }

void Query::ThrowOutOfRange(int column, int64_t value) const {
  ThrowDamaged(absl::StrCat(statement_.getColumnName(column), " is ", value));
}

SQLite::Statement& SqliteConnection::Prepare(const char* sql) {
  std::unique_ptr<SQLite::Statement>& statement = statements_[sql];
  if (statement == nullptr) statement = std::make_unique<SQLite::Statement>(db_, sql);
  return *statement;
}

int64_t SqliteConnection::PragmaInt(const char* sql) {
  Query query(*this, sql);
  return query.Next() ? query.Int(0) : 0;
}

}  // namespace tarea
