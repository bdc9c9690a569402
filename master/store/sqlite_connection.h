#ifndef TAREA_MASTER_STORE_SQLITE_CONNECTION_H_
#define TAREA_MASTER_STORE_SQLITE_CONNECTION_H_

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "master/store/sqlite_vfs.h"

// A thin layer over SQLiteCpp: prepared statements by their text, and our types as parameters.
//
// SQLiteCpp reports errors as exceptions. They stay inside the sqlite_* files: whoever is called
// from outside catches SQLite::Exception and answers ToStatus.
namespace tarea {

// What to do about a damaged database; part of what ToStatus says of it.
inline constexpr char kRestoreHint[] =
    "restore it from a backup (docs/operations.md, \"Backup and restore\")";

// RESOURCE_EXHAUSTED: the disk is full. DATA_LOSS: a file is damaged or not a database. INTERNAL:
// anything else. To be called on the thread that has met the exception.
absl::Status ToStatus(const SQLite::Exception& e);

// For what SQLite takes for sound and no store has written: throws what ToStatus makes DATA_LOSS
// of.
[[noreturn]] void ThrowDamaged(const std::string& what);

// Microseconds since 1970, or nothing for the infinite future and past.
std::optional<int64_t> Micros(absl::Time time);
std::optional<int64_t> Micros(absl::Duration duration);

// One connection with its prepared statements. Not thread-safe.
class SqliteConnection {
 public:
  // Throws SQLite::Exception. `flags` as for sqlite3_open_v2.
  SqliteConnection(const std::string& path, int flags, const char* vfs = PagesVfs())
      : db_(path, flags, /*aBusyTimeoutMs=*/0, vfs) {}

  SQLite::Database& db() { return db_; }

  // `sql` must be a literal, or live as long as the connection: it is the key of the cache.
  SQLite::Statement& Prepare(const char* sql);

  // The first number that a statement answers, 0 if there is none.
  int64_t PragmaInt(const char* sql);

 private:
  SQLite::Database db_;
  absl::flat_hash_map<const char*, std::unique_ptr<SQLite::Statement>> statements_;
};

// Marks a parameter as a blob; the text must live as long as the Query.
struct Blob {
  const std::string& bytes;
};

// One use of a prepared statement. The same statement must not be in use twice at a time.
//
//     Query q(connection, "SELECT id FROM tasks WHERE lane_id = ? LIMIT ?", lane, 10);
//     while (q.Next()) ids.push_back(q.Int(0));
class Query {
 public:
  template <typename... Args>
  Query(SqliteConnection& connection, const char* sql, Args&&... args)
      : statement_(connection.Prepare(sql)) {
    int index = 0;
    (Bind(++index, std::forward<Args>(args)), ...);
  }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query() { statement_.tryReset(); }

  // Whether there is a row; it is then read by the calls below.
  bool Next() { return statement_.executeStep(); }

  // Runs a statement that answers no rows; returns how many it changed.
  int Run() { return statement_.exec(); }

  bool IsNull(int column) const { return statement_.isColumnNull(column); }
  // Throws if it is `limit` away from zero, or more: that only a damaged file has, and to count on
  // from there might overflow.
  int64_t Int(int column, int64_t limit = int64_t{1} << 62) const {
    const int64_t value = Raw(column);
    if (value <= -limit || value >= limit) ThrowOutOfRange(column, value);
    return value;
  }
  int SmallInt(int column) const { return static_cast<int>(Int(column, 1'000'000'000)); }
  double Double(int column) const { return statement_.getColumn(column).getDouble(); }
  // Of a text or a blob.
  std::string Bytes(int column) const {
    const SQLite::Column value = statement_.getColumn(column);
    const void* data = value.getBlob();
    return data == nullptr ? std::string()
                           : std::string(static_cast<const char*>(data), value.getBytes());
  }
  absl::Time Time(int column, absl::Time if_null = absl::InfiniteFuture()) const {
    return IsNull(column) ? if_null : absl::FromUnixMicros(Raw(column));
  }
  absl::Duration Duration(int column) const {
    return IsNull(column) ? absl::InfiniteDuration() : absl::Microseconds(Raw(column));
  }

 private:
  int64_t Raw(int column) const { return statement_.getColumn(column).getInt64(); }
  [[noreturn]] void ThrowOutOfRange(int column, int64_t value) const;

  void Bind(int index, int64_t value) { statement_.bind(index, value); }
  void Bind(int index, int value) { statement_.bind(index, value); }
  void Bind(int index, bool value) { statement_.bind(index, value ? 1 : 0); }
  void Bind(int index, double value) { statement_.bind(index, value); }
  void Bind(int index, absl::Time value) { Bind(index, Micros(value)); }
  void Bind(int index, absl::Duration value) { Bind(index, Micros(value)); }
  // Texts are not copied: what they are bound to must live as long as the Query.
  void Bind(int index, const std::string& value) { statement_.bindNoCopy(index, value); }
  void Bind(int index, std::string&& value) = delete;
  void Bind(int index, const Blob& value) {
    statement_.bindNoCopy(index, value.bytes.data(), static_cast<int>(value.bytes.size()));
  }
  template <typename T>
  void Bind(int index, const std::optional<T>& value) {
    if (value.has_value()) {
      Bind(index, *value);
    } else {
      statement_.bind(index);  // NULL
    }
  }

  SQLite::Statement& statement_;
};

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_SQLITE_CONNECTION_H_
