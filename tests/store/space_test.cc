// What the store of SQLite takes on the disk: nothing for what is forgotten, and a log that ends.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "master/store/sqlite_store.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

class Space : public testing::Test {
 protected:
  Space() { Open(0); }

  void Open(int64_t disk_reserve) {
    store_.reset();
    SqliteOptions options;
    options.data_dir = dir_.path();
    options.durability = Durability::kOs;
    options.disk_reserve = disk_reserve;
    absl::StatusOr<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(options);
    EXPECT_TRUE(store.ok()) << store.status();
    if (store.ok()) store_ = *std::move(store);
  }

  // Runs a verb in a transaction of its own.
  template <typename Verb>
  auto Run(Verb verb) {
    const std::unique_ptr<Store::Transaction> transaction = store_->Begin();
    auto answer = verb(*transaction);
    EXPECT_TRUE(answer.ok()) << answer.status();
    EXPECT_TRUE(transaction->Commit().ok());
    return *std::move(answer);
  }

  std::vector<LeasedTask> Claim() {
    ClaimRequest request;
    request.worker = "w";
    request.queues = {"default"};
    request.max_tasks = 100;
    return Run([&](Store::Transaction& tx) { return tx.Claim(now_, absl::Seconds(30), request); });
  }

  // Closes the store and answers the tables that have rows.
  std::vector<std::string> TablesWithRows() {
    store_.reset();
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open((dir_.path() + "/tarea.db").c_str(), &db), SQLITE_OK);
    std::vector<std::string> with_rows;
    for (const std::string& table :
         Strings(db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")) {
      const std::string sql = absl::StrCat("SELECT '", table, "' FROM ", table, " LIMIT 1");
      for (const std::string& found : Strings(db, sql)) with_rows.push_back(found);
    }
    sqlite3_close(db);
    return with_rows;
  }

  TempDir dir_;
  std::unique_ptr<Store> store_;
  absl::Time now_ = absl::FromUnixSeconds(1'000'000);

 private:
  static std::vector<std::string> Strings(sqlite3* db, const std::string& sql) {
    std::vector<std::string> strings;
    const auto add = [](void* to, int, char** columns, char**) {
      static_cast<std::vector<std::string>*>(to)->emplace_back(columns[0]);
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), add, &strings, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db);
    return strings;
  }
};

TEST_F(Space, WhatIsForgottenLeavesNothing) {
  InsertRequest request;
  request.request_id = "r";
  request.content_hash = "h";
  request.tasks.resize(7);
  for (TaskSpec& task : request.tasks) task.type = "echo";
  request.tasks[2].key = "k";
  request.tasks[2].labels = {{"a", "b"}};
  request.tasks[3].expires_in = absl::Hours(1);
  request.tasks[4].retry.max_attempts = 1;
  request.tasks[5].depends_on_index = {0};
  request.tasks[6].depends_on_index = {4};
  Run([&](Store::Transaction& tx) { return tx.Insert(now_, request); });

  // Two alike, two with results, one fails, one is retried, one is lost, one is cancelled.
  std::vector<TaskResult> results;
  for (const LeasedTask& task : Claim()) {
    TaskResult result;
    result.task_id = task.task_id;
    result.lease_id = task.lease_id;
    if (task.task_id > 2) result.result = "result";
    if (task.task_id == 5) {
      result.outcome = ResultOutcome::kFailed;
      result.error = {2, "broken"};
    }
    results.push_back(result);
  }
  ASSERT_EQ(results.size(), 5u);
  Run([&](Store::Transaction& tx) { return tx.Complete(now_, results); });
  Run([&](Store::Transaction& tx) { return tx.Advance(now_, 100); });
  Run([&](Store::Transaction& tx) { return tx.Retry(now_, {.ids = {5}}); });
  EXPECT_EQ(Claim().size(), 2u);
  now_ += absl::Minutes(1);
  Run([&](Store::Transaction& tx) { return tx.Advance(now_, 100); });
  Run([&](Store::Transaction& tx) { return tx.Cancel(now_, {.ids = {5, 6}}, ""); });
  EXPECT_TRUE(store_->GetBatch(1)->idle_since <= now_);

  now_ += absl::Hours(48);
  Run([&](Store::Transaction& tx) { return tx.Purge(now_, now_, 100); });
  EXPECT_EQ(TablesWithRows(), (std::vector<std::string>{"lanes", "meta"}));
}

TEST_F(Space, TheLogIsUsedAgainOnceItIsLong) {
  InsertRequest request;
  request.tasks.resize(1);
  request.tasks[0].type = "echo";
  request.tasks[0].payload = std::string(1 << 20, 'x');
  const auto insert = [&] {
    Run([&](Store::Transaction& tx) { return tx.Insert(now_, request); });
  };
  const auto size = [&] { return std::filesystem::file_size(dir_.path() + "/tarea.db-wal"); };
  // Also when commits follow each other without a pause.
  for (int i = 0; i < 160; ++i) {
    insert();
    ASSERT_LE(size(), 64 << 20);
  }
}

// SQLite takes a full disk there for a failing one, which ends the master.
TEST_F(Space, TheIndexOfTheLogHasItsOwnFromTheBeginning) {
  struct stat index = {};
  ASSERT_EQ(stat((dir_.path() + "/tarea.db-shm").c_str(), &index), 0);
  // 32 KiB for each 4096 pages of 4 KiB of a log, which is used again from 64 MiB on.
  const int64_t needed = int64_t{4} * (32 << 10);
  EXPECT_GE(index.st_size, needed);
  EXPECT_GE(index.st_blocks * 512, needed);
}

TEST_F(Space, WhatIsReservedIsKeptForResultsAndNotGivenToNewTasks) {
  InsertRequest request;
  request.request_id = "once";
  request.tasks.resize(1);
  request.tasks[0].type = "echo";
  Run([&](Store::Transaction& tx) { return tx.Insert(now_, request); });

  Open(std::numeric_limits<int64_t>::max());  // more than any disk has
  {
    const std::unique_ptr<Store::Transaction> transaction = store_->Begin();
    request.request_id = "another";
    const absl::Status refused = transaction->Insert(now_, request).status();
    EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
    EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("--disk-reserve"));
    request.request_id = "once";
    EXPECT_TRUE(transaction->Insert(now_, request)->repeated);  // it takes no space
  }
  const LeasedTask task = Claim().at(0);
  TaskResult result;
  result.task_id = task.task_id;
  result.lease_id = task.lease_id;
  const std::vector<ResultStatus> statuses =
      Run([&](Store::Transaction& tx) { return tx.Complete(now_, {result}); });
  EXPECT_EQ(statuses.at(0), ResultStatus::kRecorded);
}

}  // namespace
}  // namespace tarea
