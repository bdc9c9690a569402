#include "tests/fuzz/small_database.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "master/store/sqlite_pages.h"
#include "master/store/sqlite_store.h"
#include "master/store/sqlite_vfs.h"
#include "tests/fuzz/fuzz_check.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

constexpr int kPageBytes = kPageSize;
constexpr absl::Duration kLease = absl::Seconds(30);

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// SQLite without the store. What it writes has the right checksums.
class Connection {
 public:
  explicit Connection(const std::string& dir) {
    const std::string path = dir + "/tarea.db";
    FUZZ_CHECK(sqlite3_open_v2(path.c_str(), &db_, SQLITE_OPEN_READWRITE, PagesVfs()) == SQLITE_OK,
               path);
  }
  ~Connection() { sqlite3_close(db_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Whether it worked. `rows` gets the first two columns of the answer.
  bool Run(const std::string& sql,
           std::vector<std::pair<std::string, std::string>>* rows = nullptr) {
    const auto take = [](void* out, int, char** values, char**) {
      if (out != nullptr) {
        static_cast<std::vector<std::pair<std::string, std::string>>*>(out)->emplace_back(
            values[0], values[1]);
      }
      return 0;
    };
    return sqlite3_exec(db_, sql.c_str(), take, rows, nullptr) == SQLITE_OK;
  }

 private:
  sqlite3* db_ = nullptr;
};

std::unique_ptr<SqliteStore> OpenStore(const std::string& dir) {
  SqliteOptions options;
  options.data_dir = dir;
  options.durability = Durability::kOs;
  options.readers = 1;
  auto store = SqliteStore::Open(options);
  FUZZ_CHECK(store.ok(), store.status().ToString());
  return *std::move(store);
}

template <typename Verb>
auto Run(Store& store, Verb verb) {
  std::unique_ptr<Store::Transaction> transaction = store.Begin();
  auto answer = verb(*transaction);
  FUZZ_CHECK(answer.ok(), answer.status().ToString());
  FUZZ_CHECK(transaction->Commit().ok(), "the small database cannot be made");
  return *std::move(answer);
}

std::vector<LeasedTask> Claim(Store& store, int count) {
  return Run(store, [&](Store::Transaction& t) {
    return t.Claim(SmallDatabase::Now(), kLease, SmallDatabase::Claim(count));
  });
}

void Complete(Store& store, const LeasedTask& task, ResultOutcome outcome) {
  TaskResult result;
  result.task_id = task.task_id;
  result.lease_id = task.lease_id;
  result.outcome = outcome;
  if (task.task_id % 2 == 0) result.result = "result";
  if (outcome != ResultOutcome::kSucceeded) result.error = {3, "broken"};
  const std::vector<TaskResult> results = {result};
  Run(store, [&](Store::Transaction& t) { return t.Complete(SmallDatabase::Now(), results); });
}

// What is in the database itself, and then what is in its log alone.
void FillDatabase(Store& store) {
  const absl::Time now = SmallDatabase::Now();
  Run(store, [&](Store::Transaction& t) { return t.Insert(now, SmallDatabase::Request()); });
  const std::vector<LeasedTask> tasks = Claim(store, 5);
  Complete(store, tasks[0], ResultOutcome::kSucceeded);
  Complete(store, tasks[1], ResultOutcome::kSucceeded);
  Complete(store, tasks[2], ResultOutcome::kFailed);
  Complete(store, tasks[3], ResultOutcome::kReleased);
  Run(store, [&](Store::Transaction& t) { return t.Cancel(now, {.ids = {6}}, "not wanted"); });
}

void FillLog(Store& store) {
  const absl::Time now = SmallDatabase::Now();
  InsertRequest more = SmallDatabase::Request();
  more.request_id.clear();
  more.keep_open = true;
  for (TaskSpec& spec : more.tasks) spec.key.clear();
  Run(store, [&](Store::Transaction& t) { return t.Insert(now, more); });
  const std::vector<LeasedTask> tasks = Claim(store, 3);
  Complete(store, tasks[0], ResultOutcome::kSucceeded);
  Run(store, [&](Store::Transaction& t) { return t.Cancel(now, {.ids = {5}}, "not wanted"); });
  std::unique_ptr<Store::Transaction> transaction = store.Begin();
  FUZZ_CHECK(transaction->SetPaused("q", true).ok() && transaction->Commit().ok(), "pause");
}

// --- Changes

// Overwrites, cuts or fills some of a file's bytes.
void ChangeBytes(FuzzInput& input, std::string& file) {
  if (file.empty()) return;
  const auto size = static_cast<int64_t>(file.size());
  // Headers more often than the rest: of the file, or of a page.
  const int64_t page = kPageBytes * input.Below(size / kPageBytes + 1);
  const auto at = static_cast<size_t>(
      std::min(size - 1, page + input.Below(input.OneIn(2) ? 100 : kPageBytes)));
  const auto room = file.size() - at;
  switch (input.Below(6)) {
    case 0:
      file[at] = static_cast<char>(input.Below(256));
      break;
    case 1:
      file[at] = static_cast<char>(file[at] ^ 1 << input.Below(8));
      break;
    case 2: {
      const std::string bytes = input.Bytes(std::min<size_t>(room, 64));
      memcpy(file.data() + at, bytes.data(), bytes.size());
      break;
    }
    case 3:
      file.resize(at);
      break;
    case 4:
      memset(file.data() + at, static_cast<int>(input.Below(256)),
             std::min(room, static_cast<size_t>(input.Below(2 * kPageBytes))));
      break;
    default: {  // a page where another one should be
      const auto from = static_cast<size_t>(kPageBytes * input.Below(size / kPageBytes));
      const auto to = std::min(file.size() - 1, static_cast<size_t>(page));
      memmove(file.data() + to, file.data() + from,
              std::min<size_t>(kPageBytes, file.size() - std::max(from, to)));
    }
  }
}

// Gives each page the checksum of what is in it now, so that somebody looks at that.
void SealPages(std::string& database) {
  auto* const bytes = reinterpret_cast<unsigned char*>(database.data());
  const auto pages = static_cast<int64_t>(database.size()) / kPageBytes;
  for (int64_t page = 0; page < pages; ++page) SealPage(bytes + page * kPageBytes, page + 1);
}

std::string ChooseValue(FuzzInput& input) {
  switch (input.Below(4)) {
    case 0:
      return "NULL";
    case 1:
      return absl::StrCat("CAST(x'", absl::BytesToHexString(input.Text(40)), "' AS TEXT)");
    case 2:
      return absl::StrCat("x'", absl::BytesToHexString(input.Bytes(20)), "'");
    default:
      // There is no literal for the least one.
      return absl::StrCat("(", input.Number(), " + 0)");
  }
}

}  // namespace

absl::Time SmallDatabase::Now() { return absl::FromUnixSeconds(1'700'000'000); }

InsertRequest SmallDatabase::Request() {
  InsertRequest request;
  request.request_id = "request";
  request.content_hash = "hash";
  request.batch_name = "batch";
  request.tasks.resize(6);
  for (int i = 0; i < 6; ++i) {
    TaskSpec& spec = request.tasks[static_cast<size_t>(i)];
    spec.type = i % 2 == 0 ? "a" : "b";
    spec.payload = "payload";
    if (i > 2) spec.queue = "q";
  }
  request.tasks[1].key = "key";
  request.tasks[2].labels = {{"colour", "red"}};
  request.tasks[2].retry = {.max_attempts = 5, .non_retryable_codes = {5, 7}};
  request.tasks[3].timeout = absl::Seconds(9);
  request.tasks[4].expires_in = absl::Minutes(5);
  request.tasks[5].depends_on_index = {3, 4};
  request.tasks[5].delay = absl::Seconds(1);
  return request;
}

ClaimRequest SmallDatabase::Claim(int max_tasks) {
  ClaimRequest request;
  request.worker = "worker";
  request.queues = {"default", "q"};
  request.max_tasks = max_tasks;
  return request;
}

SmallDatabase::SmallDatabase() {
  const TempDir dir;
  FillDatabase(*OpenStore(dir.path()));
  {
    std::vector<std::pair<std::string, std::string>> columns;
    Connection connection(dir.path());
    FUZZ_CHECK(
        connection.Run("SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name)"
                       " c WHERE t.type = 'table' ORDER BY 1, 2",
                       &columns),
        "the columns cannot be read");
    for (auto& [table, name] : columns) columns_.push_back({std::move(table), std::move(name)});
  }
  const std::unique_ptr<SqliteStore> store = OpenStore(dir.path());
  FillLog(*store);
  database_ = Read(dir.path() + "/tarea.db");
  log_ = Read(dir.path() + "/tarea.db-wal");
  FUZZ_CHECK(!columns_.empty() && database_.size() > kPageBytes && log_.size() > kPageBytes,
             "the small database is too small");
}

std::vector<std::string> SmallDatabase::ChooseStatements(FuzzInput& input) const {
  std::vector<std::string> statements;
  for (int64_t i = input.Below(4); i > 0; --i) {
    const Column& column =
        columns_[static_cast<size_t>(input.Below(static_cast<int64_t>(columns_.size())))];
    const std::string where =
        absl::StrCat(" WHERE ", column.name, " = (SELECT ", column.name, " FROM ", column.table,
                     " LIMIT 1 OFFSET ", input.Below(8), ")");
    switch (input.Below(8)) {
      case 0:
        statements.push_back(absl::StrCat("DELETE FROM ", column.table, where));
        break;
      case 1:
        statements.push_back(
            absl::StrCat("UPDATE ", column.table, " SET ", column.name, " = ", ChooseValue(input)));
        break;
      case 2:
        statements.push_back(absl::StrCat("PRAGMA ",
                                          input.OneIn(2) ? "user_version" : "application_id", " = ",
                                          static_cast<int32_t>(input.Number())));
        break;
      default:
        statements.push_back(absl::StrCat("UPDATE ", column.table, " SET ", column.name, " = ",
                                          ChooseValue(input), where));
    }
  }
  return statements;
}

void SmallDatabase::MakeChanged(FuzzInput& input, const std::string& dir) const {
  const std::string database = dir + "/tarea.db";
  const std::string log = database + "-wal";
  Write(database, database_);
  Write(log, log_);
  if (const std::vector<std::string> statements = ChooseStatements(input); !statements.empty()) {
    Connection connection(dir);
    // Most of them will not be taken: SQLite keeps to the types of the columns.
    connection.Run("PRAGMA ignore_check_constraints = 1");
    for (const std::string& sql : statements) connection.Run(sql);
  }
  if (input.empty()) return;
  std::string bytes = Read(database);
  std::string log_bytes = Read(log);
  const bool seal = !input.OneIn(4);
  while (!input.empty()) ChangeBytes(input, input.OneIn(4) ? log_bytes : bytes);
  if (seal) SealPages(bytes);
  Write(database, bytes);
  Write(log, log_bytes);
}

}  // namespace tarea
