#ifndef TAREA_MASTER_STORE_SQLITE_MAINTENANCE_H_
#define TAREA_MASTER_STORE_SQLITE_MAINTENANCE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

// What can be done with a database beside running a master on it.
namespace tarea {

// What was looked at, in lines for people, and what is wrong.
struct CheckReport {
  std::vector<std::string> looked_at;
  std::vector<std::string> notes;   // what is no damage, but should not go unnoticed
  std::vector<std::string> damage;  // nothing: all is sound
};

// Looks at all of a database: its log, the checksum of every page, SQLite's structures, and what
// the tables say about each other. Changes nothing, not a byte, and makes no file. The first form
// is for the directory of a master that does not run; FAILED_PRECONDITION: one does. The second is
// for a file by itself: a backup. NOT_FOUND: there is none. INTERNAL: it cannot be read.
absl::StatusOr<CheckReport> CheckDataDir(const std::string& data_dir);
absl::StatusOr<CheckReport> CheckFile(const std::string& path);

struct BackupReport {
  int64_t bytes = 0;
  int64_t batches = 0;
};

// Copies the database of a directory, as of one moment, to the file `to`, whose pages have
// checksums of their own; a master may run there and goes on. What it copies it checks. The file
// gets its name when it is complete and on the disk. ALREADY_EXISTS: `to` does. NOT_FOUND: there is
// no database. FAILED_PRECONDITION: it is of an older version. DATA_LOSS: it is damaged.
// RESOURCE_EXHAUSTED: no space for the copy.
absl::StatusOr<BackupReport> BackUp(const std::string& data_dir, const std::string& to);

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_SQLITE_MAINTENANCE_H_
