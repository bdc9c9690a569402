#ifndef TAREA_BENCH_SQLITE_FLOOR_H_
#define TAREA_BENCH_SQLITE_FLOOR_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace tarea {

struct SqliteFloor {
  double lives_per_second = 0;
  absl::Duration cpu_per_life;
};

// What SQLite alone needs for the life of `tasks` tasks of 100 bytes: insert, claim, complete, with
// `per_commit` of them in a transaction, each synced (WAL, synchronous=FULL). One table, an index
// of what is ready and one of what is leased, one thread, the database in `directory`.
absl::StatusOr<SqliteFloor> MeasureSqlite(const std::string& directory, int tasks, int per_commit);

}  // namespace tarea

#endif  // TAREA_BENCH_SQLITE_FLOOR_H_
