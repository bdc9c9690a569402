#ifndef TAREA_MASTER_STORE_SQLITE_UPGRADE_H_
#define TAREA_MASTER_STORE_SQLITE_UPGRADE_H_

#include <string>

#include "absl/status/status.h"
#include "master/store/sqlite_connection.h"

namespace tarea {

// Prepares a database that does not exist yet for pages with checksums. Throws SQLite::Exception.
void ReserveForChecksums(SqliteConnection& connection);

// Brings a database to schema version `to` or leaves it if it is there; each step is made whole or
// not at all. Throws SQLite::Exception.
void RunSchemaSteps(SqliteConnection& connection, int64_t to);

// Writes a database without checksums anew with them: it is copied to a file beside it, which then
// takes its place. Interrupted at any point it leaves the old one or the new one, and the next call
// does the rest. Needs as much space again as the database, there and where temporary files go
// (TMPDIR, else /var/tmp). FAILED_PRECONDITION: not a database of Tarea. Throws SQLite::Exception.
absl::Status UpgradeToChecksums(const std::string& path);

// Whether this is a database of ours, or an empty one. FAILED_PRECONDITION otherwise. Throws
// SQLite::Exception.
absl::Status CheckOurs(SqliteConnection& connection);

// Brings what was written under a name, and that name, to the disk.
absl::Status SyncFileAndName(const std::string& path);

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_SQLITE_UPGRADE_H_
