// Databases of earlier versions: what was in them is there after the master was replaced.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "master/store/schema.h"
#include "master/store/sqlite_inspect.h"
#include "master/store/sqlite_maintenance.h"
#include "master/store/sqlite_store.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

using testing::ElementsAre;

const absl::Time kNow = absl::FromUnixSeconds(2'000'000);

class Upgrade : public testing::Test {
 protected:
  ~Upgrade() override { sqlite3_close(db_); }

  // Begins a database of `version`.
  void Begin(int version) {
    ASSERT_EQ(sqlite3_open((dir_.path() + "/tarea.db").c_str(), &db_), SQLITE_OK);
    for (int step = 0; step < version; ++step) Sql(kSchemaSteps[step]);
    Sql("PRAGMA application_id = " + std::to_string(0x54617265));
    Sql("PRAGMA user_version = " + std::to_string(version));
  }

  void Sql(const std::string& sql) {
    ASSERT_EQ(sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db_) << " in " << sql;
  }

  // Opens it with the store of today.
  void Open() {
    sqlite3_close(db_);
    db_ = nullptr;
    SqliteOptions options;
    options.data_dir = dir_.path();
    absl::StatusOr<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(options);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  Task Get(TaskId id) {
    absl::StatusOr<Task> task = store_->GetTask(id);
    EXPECT_TRUE(task.ok()) << id << ": " << task.status();
    return task.ok() ? *std::move(task) : Task();
  }

  TempDir dir_{MemoryDirectory()};
  sqlite3* db_ = nullptr;
  std::unique_ptr<Store> store_;
};

// A task of version 1: lane 1 ("q", "echo"), batch 1.
std::string TaskOf1(TaskId id, TaskState state, const std::string& rest) {
  return "INSERT INTO tasks (id, batch_id, lane_id, state, priority, flags, attempt, max_attempts, "
         "blocked_on, created_at, ready_at, start_by, lease_id, worker, started_at, lease_until, "
         "finished_at, finish_seq) VALUES (" +
         std::to_string(id) + ", 1, 1, " + std::to_string(static_cast<int>(state)) + ", " + rest +
         ");"
         "INSERT INTO details VALUES (" +
         std::to_string(id) +
         ", '', '', 0, NULL, NULL, 3, 1000000, 2.0, 300000000, 0.2, '', CAST('payload " +
         std::to_string(id) + "' AS BLOB));";
}

TEST_F(Upgrade, From1EachTaskIsInItsStateAndGoesOn) {
  Begin(1);
  Sql("UPDATE meta SET epoch = 3, last_task = 6, last_batch = 1, last_finish = 2");
  Sql("INSERT INTO lanes VALUES (1, 'q', 'echo', 0, 1, 2, 1, 1, 1, 0)");
  Sql("INSERT INTO batches VALUES (1, 'b', 5, NULL, 0, 0, 1, 2, 1, 1, 1, 0)");
  Sql("INSERT INTO segments VALUES (1, 1, 6)");
  Sql(TaskOf1(1, TaskState::kReady, "0, 0, 0, 3, 0, 5, 5, NULL, 0, '', NULL, NULL, NULL, NULL"));
  // More urgent, and has failed once.
  Sql(TaskOf1(2, TaskState::kReady, "7, 32, 1, 3, 0, 5, 9, NULL, 8, 'w', 6, NULL, NULL, NULL"));
  Sql("INSERT INTO outcomes VALUES (2, 13, 'failed once', x'')");
  Sql("INSERT INTO attempts VALUES (2, 1, 3, 8, 'w', 6, 7, 13, 'failed once')");
  Sql(TaskOf1(3, TaskState::kScheduled,
              "0, 0, 0, 3, 0, 5, 9000000000000000, NULL, 0, '', NULL, NULL, NULL, NULL"));
  Sql(TaskOf1(4, TaskState::kRunning,
              "0, 0, 2, 3, 0, 5, 6, NULL, 3298534883329, 'worker', 7, 3000000000000, NULL, NULL"));
  Sql("INSERT INTO attempts VALUES (4, 1, 5, 9, 'w', 6, 7, 14, 'lost')");
  Sql(TaskOf1(5, TaskState::kSucceeded, "0, 32, 1, 3, 0, 5, 5, NULL, 10, 'w', 6, NULL, 7, 1"));
  Sql("INSERT INTO outcomes VALUES (5, 0, '', CAST('result' AS BLOB))");
  Sql(TaskOf1(6, TaskState::kFailed, "0, 32, 3, 3, 0, 5, 5, NULL, 11, 'w', 6, NULL, 8, 2"));
  Sql("INSERT INTO outcomes VALUES (6, 13, 'failed', x'')");
  Sql("UPDATE details SET key = 'k', depends_on = '1,2', multiplier = 1.7, jitter = 0.1, "
      "non_retryable_codes = '3,5', timeout = 2500000 WHERE id = 6");
  Open();

  EXPECT_EQ(Get(1).core.state, TaskState::kReady);
  EXPECT_EQ(Get(1).spec.payload, "payload 1");
  EXPECT_EQ(Get(1).spec.retry, RetryPolicy());
  EXPECT_EQ(Get(2).error.message, "failed once");
  EXPECT_EQ(Get(2).attempts.size(), 1u);
  EXPECT_EQ(Get(3).core.state, TaskState::kScheduled);
  const Task running = Get(4);
  EXPECT_EQ(running.core.state, TaskState::kRunning);
  EXPECT_EQ(running.core.attempt, 2);
  EXPECT_EQ(running.core.worker, "worker");
  EXPECT_EQ(running.core.lease_until, absl::FromUnixSeconds(3'000'000));
  EXPECT_EQ(Get(5).result, "result");
  const Task failed = Get(6);
  EXPECT_EQ(failed.core.state, TaskState::kFailed);
  EXPECT_EQ(failed.spec.key, "k");
  EXPECT_THAT(failed.spec.depends_on, ElementsAre(1, 2));
  EXPECT_EQ(failed.spec.timeout, absl::Milliseconds(2500));
  EXPECT_EQ(failed.spec.retry.multiplier, 1.7);
  EXPECT_EQ(failed.spec.retry.jitter, 0.1);
  EXPECT_THAT(failed.spec.retry.non_retryable_codes, ElementsAre(3, 5));

  const auto finished = store_->ListFinished(1, 0, 10, true);
  ASSERT_TRUE(finished.ok()) << finished.status();
  ASSERT_EQ(finished->tasks.size(), 2u);
  EXPECT_EQ(finished->tasks[0].core.id, 5);
  EXPECT_EQ(finished->tasks[1].core.id, 6);

  const auto transaction = store_->Begin();
  ClaimRequest request;
  request.worker = "new";
  request.queues = {"q"};
  request.max_tasks = 10;
  const auto leased = transaction->Claim(kNow, absl::Seconds(30), request);
  ASSERT_TRUE(leased.ok()) << leased.status();
  ASSERT_EQ(leased->size(), 2u);
  EXPECT_EQ(leased->at(0).task_id, 2);
  EXPECT_EQ(leased->at(0).attempt, 2);
  EXPECT_EQ(leased->at(1).task_id, 1);
  TaskResult result;
  result.task_id = 4;
  result.lease_id = 3298534883329;
  EXPECT_EQ(transaction->Complete(kNow, {result})->at(0), ResultStatus::kRecorded);
  ASSERT_TRUE(transaction->Commit().ok());
  EXPECT_EQ(Get(4).core.state, TaskState::kSucceeded);
  EXPECT_EQ(Get(4).attempts.size(), 2u);
}

// It has started, so its time to start says nothing any more.
TEST_F(Upgrade, From1ATaskThatRunsIsNotCancelledBecauseOfItsStart) {
  Begin(1);
  Sql("UPDATE meta SET epoch = 3, last_task = 1, last_batch = 1");
  Sql("INSERT INTO lanes VALUES (1, 'q', 'echo', 0, 0, 0, 1, 0, 0, 0)");
  Sql("INSERT INTO batches VALUES (1, 'b', 5, NULL, 0, 0, 0, 0, 1, 0, 0, 0)");
  Sql("INSERT INTO segments VALUES (1, 1, 1)");
  Sql(TaskOf1(1, TaskState::kRunning,
              "0, 0, 1, 3, 0, 5, 5, 8, 3298534883329, 'worker', 7, 3000000000000, NULL, NULL"));
  Open();
  const auto transaction = store_->Begin();
  EXPECT_EQ(transaction->Advance(kNow, 10)->expired_tasks, 0);
  ASSERT_TRUE(transaction->Commit().ok());
  EXPECT_EQ(Get(1).core.state, TaskState::kRunning);
}

TEST_F(Upgrade, AStepThatFailsLeavesTheVersionBeforeIt) {
  Begin(1);
  Sql("UPDATE meta SET last_task = 1, last_batch = 1");
  Sql("INSERT INTO lanes VALUES (1, 'q', 'echo', 0, 0, 1, 0, 0, 0, 0)");
  Sql("INSERT INTO batches VALUES (1, 'b', 5, NULL, 0, 0, 0, 1, 0, 0, 0, 0)");
  Sql("INSERT INTO segments VALUES (1, 1, 1)");
  Sql(TaskOf1(1, TaskState::kReady, "0, 0, 0, 3, 0, 5, 5, NULL, 0, '', NULL, NULL, NULL, NULL"));
  Sql("CREATE TABLE finished (in_the_way)");  // of something in the middle of the step
  SqliteOptions options;
  options.data_dir = dir_.path();
  EXPECT_FALSE(SqliteStore::Open(options).ok());
  Sql("DROP TABLE finished");
  Open();
  EXPECT_EQ(Get(1).spec.payload, "payload 1");
}

// --- Checksums
// -----------------------------------------------------------------------------------------

class UpgradeOfPages : public Upgrade {
 protected:
  // A database of version 2 with `tasks` ready tasks, of which half are in the log.
  void BeginWithTasks(int tasks) {
    Begin(2);
    Sql("PRAGMA journal_mode = WAL");
    Sql("INSERT INTO lanes VALUES (1, 'q', 'echo', 0, 0, " + std::to_string(tasks) +
        ", 0, 0, 0, 0)");
    Sql("INSERT INTO batches VALUES (1, 'b', 5, NULL, 0, 0, 0, " + std::to_string(tasks) +
        ", 0, 0, 0, 0)");
    Sql("INSERT INTO segments VALUES (1, 1, " + std::to_string(tasks) + ")");
    Sql("INSERT INTO ready VALUES (1, 0, 5, " + std::to_string(tasks) + ", 1, NULL, 1)");
    Sql("UPDATE meta SET epoch = 3, last_batch = 1, last_task = " + std::to_string(tasks));
    for (int id = 1; id <= tasks; ++id) {
      if (id == tasks / 2) Sql("PRAGMA wal_checkpoint(TRUNCATE)");
      Sql("INSERT INTO tasks VALUES (" + std::to_string(id) +
          ", 1, 1, 0, 0, 5, 3, 0, NULL, NULL, NULL, NULL, NULL, CAST('" + Payload(id) +
          "' AS BLOB))");
    }
    sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    sqlite3_close(db_);
    db_ = nullptr;
  }

  static std::string Payload(int id) {
    return "payload " + std::to_string(id) + " " + std::string(static_cast<size_t>(id) * 37, 'x');
  }

  void ExpectTasks(int tasks) {
    for (int id = 1; id <= tasks; ++id) EXPECT_EQ(Get(id).spec.payload, Payload(id));
  }
};

TEST_F(UpgradeOfPages, GivesEachPageAChecksumAndKeepsWhatWasThereAndInTheLog) {
  BeginWithTasks(100);
  Open();
  ExpectTasks(100);
  store_.reset();
  const auto found = InspectDatabase(dir_.path() + "/tarea.db");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->kind, Inspection::Kind::kCurrent);
  EXPECT_FALSE(std::filesystem::exists(dir_.path() + "/tarea.db-upgrade"));
  const absl::StatusOr<CheckReport> check = CheckDataDir(dir_.path());
  ASSERT_TRUE(check.ok()) << check.status();
  EXPECT_THAT(check->damage, testing::IsEmpty());
}

// Kills a process that upgrades, later and later until one gets to the end.
TEST_F(UpgradeOfPages, ThatIsKilledAtAnyPointLeavesTheOldDatabaseOrTheNewOne) {
  BeginWithTasks(60);
  const TempDir old(MemoryDirectory());
  const auto copy = [](const std::string& from, const std::string& to) {
    for (const auto& entry : std::filesystem::directory_iterator(to)) {
      std::filesystem::remove(entry.path());
    }
    for (const char* name : {"tarea.db", "tarea.db-wal"}) {
      std::filesystem::copy_file(from + "/" + name, to + "/" + name);
    }
  };
  copy(dir_.path(), old.path());
  int killed = 0;
  bool done = false;
  for (int64_t microseconds = 200; !done; microseconds += microseconds / 4) {
    copy(old.path(), dir_.path());
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const itimerval timer = {{0, 0}, {microseconds / 1'000'000, microseconds % 1'000'000}};
      setitimer(ITIMER_REAL, &timer, nullptr);  // SIGALRM ends it on the spot
      SqliteOptions options;
      options.data_dir = dir_.path();
      _exit(SqliteStore::Open(options).ok() ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    done = WIFEXITED(status);
    if (done) {
      EXPECT_EQ(WEXITSTATUS(status), 0);
    }
    if (!done) killed++;
    Open();
    ExpectTasks(60);
    store_.reset();
    if (HasFailure()) return;
  }
  EXPECT_GT(killed, 3);
}

}  // namespace
}  // namespace tarea
