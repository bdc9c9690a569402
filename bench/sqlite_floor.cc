#include "bench/sqlite_floor.h"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "bench/measure.h"

namespace tarea {
namespace {

constexpr char kSchema[] = R"(
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE tasks (
    id          INTEGER PRIMARY KEY,
    state       INTEGER NOT NULL,
    priority    INTEGER NOT NULL,
    ready_at    INTEGER NOT NULL,
    lease_until INTEGER,
    worker      TEXT,
    payload     BLOB NOT NULL
  ) STRICT;
  CREATE INDEX ready ON tasks (priority DESC, ready_at, id) WHERE state = 0;
  CREATE INDEX leased ON tasks (lease_until, id) WHERE state = 1;)";

constexpr char kInsert[] =
    "INSERT INTO tasks (id, state, priority, ready_at, payload) VALUES (?, 0, 0, ?, ?)";
constexpr char kFind[] =
    "SELECT id, payload FROM tasks WHERE state = 0 ORDER BY priority DESC, ready_at, id LIMIT ?";
constexpr char kClaim[] =
    "UPDATE tasks SET state = 1, lease_until = ?, worker = 'worker' WHERE id = ?";
constexpr char kComplete[] =
    "UPDATE tasks SET state = 2, lease_until = NULL WHERE id = ? AND state = 1";

// A database whose first error stays: what comes after it does nothing. Not thread-safe.
class Database {
 public:
  explicit Database(const std::string& path) { Check(sqlite3_open(path.c_str(), &database_)); }
  ~Database() {
    for (sqlite3_stmt* statement : statements_) sqlite3_finalize(statement);
    sqlite3_close(database_);
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void Run(const char* sql) {
    if (ok()) Check(sqlite3_exec(database_, sql, nullptr, nullptr, nullptr));
  }

  sqlite3_stmt* Prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    if (ok()) Check(sqlite3_prepare_v2(database_, sql, -1, &statement, nullptr));
    return statements_.emplace_back(statement);
  }

  // Calls `on_row` for each row, and gets the statement ready for the next time.
  void Step(
      sqlite3_stmt* statement, absl::FunctionRef<void()> on_row = [] {}) {
    if (!ok()) return;
    int code = SQLITE_OK;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) on_row();
    Check(code == SQLITE_DONE ? SQLITE_OK : code);
    sqlite3_reset(statement);
  }

  bool ok() const { return status_.ok(); }
  const absl::Status& status() const { return status_; }

 private:
  void Check(int code) {
    if (code != SQLITE_OK && ok()) {
      status_ = absl::InternalError(absl::StrCat("bare SQLite: ", sqlite3_errmsg(database_)));
    }
  }

  sqlite3* database_ = nullptr;
  std::vector<sqlite3_stmt*> statements_;
  absl::Status status_;
};

void Insert(Database& database, int tasks, int per_commit) {
  sqlite3_stmt* insert = database.Prepare(kInsert);
  const std::string payload(100, 'x');
  for (int id = 1; database.ok() && id <= tasks;) {
    database.Run("BEGIN IMMEDIATE");
    for (const int end = std::min(tasks + 1, id + per_commit); id < end; ++id) {
      sqlite3_bind_int64(insert, 1, id);
      sqlite3_bind_int64(insert, 2, id);
      sqlite3_bind_blob(insert, 3, payload.data(), static_cast<int>(payload.size()), SQLITE_STATIC);
      database.Step(insert);
    }
    database.Run("COMMIT");
  }
}

void Work(Database& database, int per_commit) {
  sqlite3_stmt* find = database.Prepare(kFind);
  sqlite3_stmt* claim = database.Prepare(kClaim);
  sqlite3_stmt* complete = database.Prepare(kComplete);
  std::vector<int64_t> taken;
  do {
    taken.clear();
    database.Run("BEGIN IMMEDIATE");
    sqlite3_bind_int(find, 1, per_commit);
    database.Step(find, [&] { taken.push_back(sqlite3_column_int64(find, 0)); });
    for (const int64_t id : taken) {
      sqlite3_bind_int64(claim, 1, id);
      sqlite3_bind_int64(claim, 2, id);
      database.Step(claim);
    }
    database.Run("COMMIT; BEGIN IMMEDIATE");
    for (const int64_t id : taken) {
      sqlite3_bind_int64(complete, 1, id);
      database.Step(complete);
    }
    database.Run("COMMIT");
  } while (database.ok() && !taken.empty());
}

}  // namespace

absl::StatusOr<SqliteFloor> MeasureSqlite(const std::string& directory, int tasks, int per_commit) {
  const std::string path = directory + "/floor.db";
  SqliteFloor floor;
  absl::Status status;
  {
    Database database(path);
    database.Run(kSchema);
    const absl::Duration cpu = CpuTime(getpid());
    const Stopwatch watch;
    Insert(database, tasks, per_commit);
    Work(database, per_commit);
    floor.lives_per_second = PerSecond(tasks, watch.Elapsed());
    floor.cpu_per_life = (CpuTime(getpid()) - cpu) / tasks;
    status = database.status();
  }
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
  if (!status.ok()) return status;
  return floor;
}

}  // namespace tarea
