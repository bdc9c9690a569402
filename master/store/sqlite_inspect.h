#ifndef TAREA_MASTER_STORE_SQLITE_INSPECT_H_
#define TAREA_MASTER_STORE_SQLITE_INSPECT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "master/store/sqlite_log_mark.h"
#include "master/store/sqlite_pages.h"
#include "master/store/sqlite_wal.h"

namespace tarea {

// What the files of a database say before SQLite has opened it, which would make the best of a
// damaged log without a word.
struct Inspection {
  enum class Kind {
    kNone,              // there is no database yet, or the making of one was interrupted
    kWithoutChecksums,  // of a version whose pages have no checksums
    kCurrent,
  };
  Kind kind = Kind::kNone;
  int64_t bytes = 0;
  PageHeader header;      // as of the last commit
  uint64_t database = 0;  // its id; 0 if it has none
  LogWalk log;
  std::optional<LogMark> mark;
  std::vector<std::string> notes;  // what is no error but should not go unnoticed

  // Whether a master has begun an epoch on this very file, and not on one that it is a copy of.
  bool IsSettled() const { return mark.has_value() && mark->database == database && mark->settled; }
};

// Looks at a database, its log and its mark, and changes nothing. Nobody may have it open for
// writing. DATA_LOSS: a file is damaged or missing. FAILED_PRECONDITION: it is not Tarea's, of a
// newer version, or its files do not belong together. Messages name the file, and what to do if
// that is not to restore a backup.
absl::StatusOr<Inspection> InspectDatabase(const std::string& path);

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_SQLITE_INSPECT_H_
